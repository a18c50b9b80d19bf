#include "config/named_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kText = R"(admin: {tokens: [{name: a, role: viewer, file: /t}]}
services:
  a:
    tls: {ca_file: /ca}
    headers: {request: {set: {authorization: {file: /secret, prefix: "Bearer "}}}}
    fallback:
      - respond: {body_file: /body}
      - {grpc: /a.B/*, respond: {grpc_status: 0, message_file: /message}}
    routes: [{match: {path: /x}, timeout: {request: 1s}}]
)";

TEST(NamedFiles, AreListedWithTheirPlacesAndNotLookedAt) {
  const Loaded loaded = load_text("f", kText, no_environment());
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  std::vector<std::string> list;
  for (const NamedFile& file : loaded.named) {
    list.push_back(to_string(file.problem(file.path + " " + std::to_string(int(file.use)))));
  }
  EXPECT_THAT(list, ElementsAre("f:1:48: /t 1", "f:4:20: /ca 0", "f:7:30: /body 3",
                                "f:8:64: /message 3", "f:5:53: /secret 2"));
}

TEST(NamedFiles, ContentsAreFilledInWhereTheyAreNamed) {
  Config config = good(kText);
  fill_contents(config, [](const std::string& path) {
    return std::make_shared<const std::string>("of " + path);
  });
  const Policy& policy = config.services[0].policy;
  EXPECT_EQ(*policy.headers.request.set[0].content, "of /secret");
  EXPECT_EQ(*std::get<FallbackRespond>(policy.fallback[0].action).content, "of /body");
  EXPECT_EQ(*std::get<FallbackRespond>(policy.fallback[1].action).content, "of /message");
  EXPECT_EQ(*config.services[0].routes[0].policy.headers.request.set[0].content, "of /secret");
  EXPECT_NE(config, good(kText)) << "another content is another configuration";
}

TEST(NamedFiles, SayWhatIsWrongWithTheirBytes) {
  EXPECT_THAT(why_useless(FileUse::kToken, "\n"), HasSubstr("empty"));
  EXPECT_THAT(why_useless(FileUse::kToken, std::string(5000, 'x')), HasSubstr("4096"));
  EXPECT_THAT(why_useless(FileUse::kHeader, "a\nb\n"), HasSubstr("line break"));
  EXPECT_THAT(why_useless(FileUse::kBody, std::string((1 << 20) + 1, 'x')), HasSubstr("1MiB"));
  EXPECT_EQ(why_useless(FileUse::kHeader, "abc\r\n"), "");
  EXPECT_EQ(why_useless(FileUse::kBody, std::string("\0\n", 2)), "");
}

}  // namespace
}  // namespace outrigger::config::test
