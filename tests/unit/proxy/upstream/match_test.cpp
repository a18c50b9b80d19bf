#include "proxy/upstream/match.hpp"

#include <gtest/gtest.h>

#include "config/policy.hpp"

namespace outrigger::upstream {
namespace {

config::Matcher any() {
  config::Matcher matcher;
  matcher.any = true;
  return matcher;
}

Error of(Cause cause) { return {.cause = cause}; }

class Answer {
 public:
  explicit Answer(int status) { head.status = status; }
  Answer& with(std::string_view name, std::string_view value) {
    head.fields.add(x_arena, name, value);
    return *this;
  }
  http::ResponseHead head;

 private:
  Arena x_arena{{}};
};

TEST(Match, AnErrorMatchesByItsToken) {
  config::Matcher matcher;
  matcher.add(Token::kConnect);
  for (const CauseRow& row : cause_rows()) {
    EXPECT_EQ(matches(matcher, of(row.cause)), row.token == Token::kConnect) << row.name;
  }
}

TEST(Match, ACauseWithATokenMatchesThatTokenAlone) {
  for (const CauseRow& row : cause_rows()) {
    if (row.token == Token::kNone) continue;
    int matched = 0;
    for (const TokenRow& token : token_rows()) {
      config::Matcher matcher;
      matcher.add(token.token);
      if (!matches(matcher, of(row.cause))) continue;
      ++matched;
      EXPECT_EQ(token.token, row.token);
    }
    EXPECT_EQ(matched, 1) << row.name;
  }
}

TEST(Match, WhatHasNoTokenMatchesNothing) {
  for (const CauseRow& row : cause_rows()) {
    EXPECT_EQ(matches(any(), of(row.cause)), row.token != Token::kNone) << row.name;
  }
}

TEST(Match, ARefusalMatchesByTheStatusThatItStandsInFor) {
  config::Matcher matcher;
  matcher.statuses = {503};
  Error error = of(Cause::kCircuitOpen);
  EXPECT_FALSE(matches(matcher, error));
  error.received_status = 503;
  EXPECT_TRUE(matches(matcher, error));
}

TEST(Match, AnAnswerMatchesByItsStatus) {
  config::Matcher matcher;
  matcher.statuses = {404};
  matcher.server_errors = true;
  for (const auto& [status, expected] : {std::pair{200, false},
                                         {404, true},
                                         {410, false},
                                         {500, true},
                                         {501, false},
                                         {505, false},
                                         {599, true}}) {
    EXPECT_EQ(matches(matcher, Answer(status).head), expected) << status;
  }
}

TEST(Match, AnyIsEveryServerErrorAndNo4xx) {
  for (const auto& [status, expected] :
       {std::pair{200, false}, {400, false}, {429, false}, {500, true}, {501, true}}) {
    EXPECT_EQ(matches(any(), Answer(status).head), expected) << status;
  }
}

TEST(Match, AnAnswerMatchesByItsGrpcStatus) {
  config::Matcher matcher;
  matcher.add_grpc(14);
  EXPECT_TRUE(matches(matcher, Answer(200).head, 14));
  for (const int other : {0, 1, 13, 16, http::kGrpcPending}) {
    EXPECT_FALSE(matches(matcher, Answer(200).head, other)) << other;
  }
  EXPECT_FALSE(matches(matcher, Answer(200).head));
}

TEST(Match, AnyMeansTheGrpcStatusesOfAServerThatFailed) {
  for (int code = 0; code <= 16; ++code) {
    const bool servers = code == 2 || code == 4 || (code >= 12 && code <= 15);
    EXPECT_EQ(matches(any(), Answer(200).head, code), servers) << code;
  }
}

TEST(Match, WhatIsNoFailureInHttpIsNoneInGrpc) {
  const config::Matcher failures = config::default_circuit_failures();
  for (const int status : {400, 404, 429, 501, 505}) {
    EXPECT_FALSE(matches(failures, Answer(status).head, http::grpc_status_of(status))) << status;
  }
  EXPECT_TRUE(matches(failures, Answer(503).head, http::grpc_status_of(503)));
}

TEST(Match, ARefusalMatchesByTheGrpcStatusThatItStandsInFor) {
  config::Matcher matcher;
  matcher.add_grpc(14);
  Error error = of(Cause::kCircuitOpen);
  EXPECT_FALSE(matches(matcher, error));
  error.received_status = 200;
  error.received_grpc_status = 14;
  EXPECT_TRUE(matches(matcher, error));
}

TEST(Match, APolicyCoversGrpcMethodsByTheirPath) {
  Arena arena({});
  http::RequestHead request;
  request.method = http::Method::kPost;
  request.method_text = "POST";
  request.target = "/shop.Stock/GetItem";
  const config::Methods idempotent{config::Methods::Kind::kIdempotent, {}};
  const std::vector<std::string> named = {"/shop.Stock/Get*", "/shop.Stock/List"};
  EXPECT_FALSE(covers(idempotent, named, request));
  request.fields.add(arena, "content-type", "application/grpc");
  EXPECT_TRUE(covers(idempotent, named, request));
  EXPECT_FALSE(covers(idempotent, {}, request));
  EXPECT_TRUE(covers({config::Methods::Kind::kAny, {}}, {}, request));
  for (const auto& [path, covered] : {std::pair{"/shop.Stock/List", true},
                                      {"/shop.Stock/ListAll", false},
                                      {"/shop.Stock/Put", false}}) {
    request.target = path;
    EXPECT_EQ(covers(idempotent, named, request), covered) << path;
  }
}

TEST(Match, AnAnswerMatchesByAField) {
  config::Matcher matcher;
  matcher.headers = {{"x-outcome", "failure"}};
  EXPECT_TRUE(matches(matcher, Answer(200).with("X-Outcome", "failure").head));
  EXPECT_FALSE(matches(matcher, Answer(200).with("X-Outcome", "Failure").head));
  EXPECT_FALSE(matches(matcher, Answer(200).head));
}

TEST(Match, TheBuiltInListsAreThoseOfTheContract) {
  const config::Matcher retry = config::default_retry_on();
  for (const int status : {502, 503, 504}) EXPECT_TRUE(matches(retry, Answer(status).head));
  for (const int status : {500, 501, 429}) EXPECT_FALSE(matches(retry, Answer(status).head));
  const config::Matcher circuit = config::default_circuit_failures();
  EXPECT_FALSE(matches(circuit, of(Cause::kRefusedStream)));
  EXPECT_FALSE(matches(circuit, of(Cause::kLimit)));
  EXPECT_TRUE(matches(circuit, of(Cause::kTimeout)));
}

}  // namespace
}  // namespace outrigger::upstream
