#include "admin/access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::json;
using testing::Caller;
using ::testing::HasSubstr;

class Hosts : public testing::AdminTest {
 protected:
  int status_at(const std::string& address, const std::string& host) {
    config::AdminConfig admin;
    admin.address = address;
    AccessRules rules(admin);
    AdminApi api(x_parts, rules);
    Caller& got = begin_on(api, "GET", "/api/v1/services", {{"host", host}});
    const int status = got.status;
    end(got);
    x_loop.advance_ms(1);
    return status;
  }
};

TEST_F(Hosts, AreLoopbackNamesAndTheAdminAddress) {
  for (const std::string host : {"localhost", "LocalHost:9901", "127.0.0.1:9901", "127.0.0.1",
                                 "[::1]:9901", "localhost:18080", "127.1.2.3"}) {
    EXPECT_EQ(status_at("127.0.0.1:9901", host), 200) << host;
  }
  for (const std::string host : {"evil.example", "evil.example:9901", "localhost.evil.example",
                                 "10.0.0.9:9901", "127.0.0.1.evil.example", ""}) {
    EXPECT_EQ(status_at("127.0.0.1:9901", host), 421) << host;
  }
  EXPECT_EQ(status_at("10.0.0.9:9901", "10.0.0.9:9901"), 200);
  EXPECT_EQ(status_at("10.0.0.9:9901", "10.0.0.8:9901"), 421);
  EXPECT_EQ(status_at("unix:/run/a.sock", "localhost"), 200);
}

TEST_F(Hosts, AreAnyIpButNoNameWhereAllAddressesAreListenedOn) {
  EXPECT_EQ(status_at("0.0.0.0:9901", "10.0.0.8:9901"), 200);
  EXPECT_EQ(status_at("[::]:9901", "[fd00::1]:9901"), 200);
  EXPECT_EQ(status_at("0.0.0.0:9901", "evil.example:9901"), 421);
}

TEST_F(Hosts, RefusePagesOfAnotherOrigin) {
  const auto status = [&](const std::string& name, const std::string& value) {
    return call("POST", "/api/v1/drain", {{name, value}}).status;
  };
  EXPECT_EQ(status("origin", "http://evil.example"), 403);
  EXPECT_EQ(status("origin", "null"), 403);
  EXPECT_EQ(status("origin", "http://127.0.0.1:3000"), 403);
  EXPECT_EQ(status("sec-fetch-site", "cross-site"), 403);
  EXPECT_EQ(status("sec-fetch-site", "same-site"), 403);
  EXPECT_EQ(x_control.drains, 0);
  EXPECT_EQ(status("origin", "http://127.0.0.1:9901"), 202);
  EXPECT_EQ(status("sec-fetch-site", "same-origin"), 202);
  // No CORS: nothing allows another origin anything.
  const Caller& got = call("GET", "/api/v1/services", {{"origin", "http://evil.example"}});
  EXPECT_EQ(got.field("access-control-allow-origin"), "");
}

class TokensApi : public testing::AdminTest {
 protected:
  TokensApi() {
    x_admin.tokens = {{"dash", config::Role::kViewer, "view-secret\n"},
                      {"oncall", config::Role::kOperator, "op-secret\r\n"},
                      {"empty", config::Role::kOperator, "\n"},
                      {"gone", config::Role::kOperator, ""}};
    // Each file is called what it says.
    x_rules_with_tokens.emplace(x_admin, [](const std::string& path) {
      return path.empty() ? nullptr : std::make_shared<const std::string>(path);
    });
    x_api_with_tokens.emplace(x_parts, *x_rules_with_tokens);
  }
  Caller& ask(const std::string& method, const std::string& path, const std::string& credentials,
              const std::string& body = "") {
    testing::Headers headers;
    if (!credentials.empty()) headers.emplace_back("authorization", credentials);
    if (!body.empty()) headers.emplace_back("content-type", "application/json");
    return begin_on(*x_api_with_tokens, method, path, headers, body);
  }

  std::optional<AccessRules> x_rules_with_tokens;
  std::optional<AdminApi> x_api_with_tokens;
};

TEST_F(TokensApi, AreNeededForEverythingUnderApi) {
  const Caller& none = ask("GET", "/api/v1/services", "");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.field("www-authenticate"), "Bearer realm=\"outrigger\"");
  EXPECT_EQ(none.field("content-type"), "application/problem+json");
  const Caller& wrong = ask("GET", "/api/v1/services", "Bearer nonsense");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_THAT(wrong.field("www-authenticate"), HasSubstr("invalid_token"));
  EXPECT_EQ(ask("GET", "/api/v1/services", "Basic dmlldy1zZWNyZXQ=").status, 401);
  EXPECT_EQ(ask("GET", "/api/v1/services", "Bearer ").status, 401);
  EXPECT_EQ(ask("GET", "/api/v1/services", "bearer view-secret").status, 200);
  EXPECT_EQ(ask("GET", "/healthz", "").status, 200);
}

TEST_F(TokensApi, LetViewersReadAndOperatorsChange) {
  const std::string path = "/api/v1/circuits/orders";
  EXPECT_EQ(ask("GET", path, "Bearer view-secret").status, 200);
  const Caller& viewer = ask("PATCH", path, "Bearer view-secret", R"({"probes": 2})");
  EXPECT_EQ(viewer.status, 403);
  EXPECT_THAT(viewer.as<Json>()["detail"].get<std::string>(), HasSubstr("operator"));
  EXPECT_EQ(ask("DELETE", "/api/v1/overrides", "Bearer view-secret").status, 403);
  EXPECT_EQ(ask("POST", "/api/v1/drain", "Bearer view-secret").status, 403);
  EXPECT_EQ(ask("POST", "/api/v1/config/check", "Bearer view-secret", "{}").status, 403);
  EXPECT_EQ(x_control.installs, 0);
  EXPECT_EQ(ask("PATCH", path, "Bearer op-secret", R"({"probes": 2})").status, 200);
  EXPECT_EQ(events_of("settings").at(0).actor, "oncall");
  EXPECT_EQ(x_changes.overrides().all().at(0).actor, "oncall");
}

TEST_F(TokensApi, MatchOnlyAsAWhole) {
  for (const std::string secret :
       {"view-secre", "view-secret2", "view-secretview-secret", "VIEW-SECRET"}) {
    EXPECT_EQ(ask("GET", "/api/v1/services", "Bearer " + secret).status, 401) << secret;
  }
}

}  // namespace
}  // namespace outrigger::admin
