#include "proxy/inject/documents.hpp"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/inject/workload.hpp"

namespace outrigger::inject {
namespace {

using testing::ElementsAre;

TEST(Documents, AreSplitAtTheirMarkers) {
  EXPECT_THAT(split_documents(""), ElementsAre());
  EXPECT_THAT(split_documents("a: b"), ElementsAre("a: b"));
  EXPECT_THAT(split_documents("---\na\n---\n--- # c\nb\n---x\n ---\n---"),
              ElementsAre("---\na\n", "---\n", "--- # c\nb\n---x\n ---\n", "---"));
  EXPECT_THAT(split_documents("a\r\n---\r\nb\r\n"), ElementsAre("a\r\n", "---\r\nb\r\n"));
}

TEST(Documents, SayTheirKindAtTheirMargin) {
  const auto may = [](std::string_view text) { return may_be(text, kWorkloadKinds); };
  EXPECT_TRUE(may("kind: Deployment\n"));
  EXPECT_TRUE(may("a: b\nkind:   \"Pod\"\n"));
  EXPECT_TRUE(may("---\n# x\n  a: b\n  kind: Job"));
  EXPECT_TRUE(may("'kind' : 'List'"));
  EXPECT_TRUE(may("{\"x\": 1, \"kind\":\"CronJob\"}"));
  EXPECT_TRUE(may("--- {kind: Pod}"));
  EXPECT_TRUE(may("kind: &k Deployment\n"));
  EXPECT_FALSE(may("kind: Service\n"));
  EXPECT_FALSE(may("kind: ConfigMap\ndata:\n  x: |\n    kind: Deployment\n"));
  EXPECT_FALSE(may("a: {kind: Pod}\n"));
  EXPECT_FALSE(may("# kind: Pod\n"));
  EXPECT_FALSE(may(""));
}

TEST(Documents, AreNotReadWhereTheyAreOfNoInterest) {
  const std::string large = "kind: ConfigMap\ndata: {a: [" + std::string(16 << 20, '[') + "\n";
  EXPECT_FALSE(may_be(large, kWorkloadKinds));
}

}  // namespace
}  // namespace outrigger::inject
