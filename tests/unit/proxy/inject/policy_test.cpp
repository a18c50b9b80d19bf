// That the policy is well-formed and says what the template says. Whether an API server takes it is
// asked in tests/conformance.
#include "proxy/inject/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/manifest.hpp"
#include "proxy/inject/cel.hpp"
#include "proxy/inject/documents.hpp"
#include "tests/unit/proxy/inject/support.hpp"

namespace outrigger::inject {
namespace {

using config::Node;
using testing::HasSubstr;
using testing::Not;

std::string text_of(const Options& wanted) {
  const auto text = policy("v1", wanted);
  EXPECT_TRUE(text) << text.error();
  return text ? *text : std::string{};
}

TEST(Cel, WritesObjectsByTheirTypes) {
  Node node = Node::map();
  node.set("name", Node::string("a\"b"));
  node.set("port", Node::number(80));
  node.set("image", Node::string("x"));
  Node list = Node::list();
  list.items = {Node::string("a"), Node::string("b")};
  node.set("args", list);
  const CelHole hole{"Object.c.image", "variables.image"};
  EXPECT_EQ(cel(node, "Object.c", {&hole, 1}),
            "Object.c{\n  name: \"a\\\"b\",\n  port: 80,\n  image: variables.image,\n"
            "  args: [\"a\", \"b\"]}");
}

TEST(Policy, IsTwoObjectsOfTheVersionAskedFor) {
  for (const char* version : {"v1", "v1beta1"}) {
    const auto text = policy(version, options());
    ASSERT_TRUE(text);
    const auto documents = split_documents(*text);
    ASSERT_EQ(documents.size(), 2u);
    const auto first = config::parse_manifest(documents[0]);
    ASSERT_TRUE(first) << first.error();
    EXPECT_EQ(first->root.find("apiVersion")->text,
              std::string("admissionregistration.k8s.io/") + version);
    EXPECT_EQ(first->root.find("kind")->text, "MutatingAdmissionPolicy");
    const auto second = config::parse_manifest(documents[1]);
    ASSERT_TRUE(second) << second.error();
    EXPECT_EQ(find(second->root, Path{"spec", "policyName"})->text, "outrigger");
  }
}

TEST(Policy, PutsInWhatTheModeNeeds) {
  const std::string redirect = text_of(options());
  EXPECT_THAT(redirect, HasSubstr("name: \"outrigger-init\""));
  EXPECT_THAT(redirect, HasSubstr("runAsUser != 15001"));
  EXPECT_THAT(redirect, Not(HasSubstr("HTTP_PROXY")));
  const std::string proxy = text_of(options(Mode::kProxy));
  EXPECT_THAT(proxy, Not(HasSubstr("name: \"outrigger-init\"")));
  EXPECT_THAT(proxy, HasSubstr("http_proxy"));
  Options openshift = options();
  openshift.openshift = true;
  EXPECT_THAT(text_of(openshift), Not(HasSubstr("runAsUser:")));
  Options token = options();
  token.registry_token = true;
  EXPECT_THAT(text_of(token), HasSubstr("serviceAccountToken"));
}

TEST(Policy, LooksAtTheGraceOfAPodWhenTheConfigurationIsKnown) {
  EXPECT_THAT(text_of(options()), Not(HasSubstr("terminationGracePeriodSeconds")));
  Options known = options();
  known.facts = Facts{};
  known.facts->grace_ms = 40'000;
  EXPECT_THAT(text_of(known), HasSubstr("terminationGracePeriodSeconds >= 45"));
}

TEST(Policy, IsRefusedWhereNoPodCouldHaveASidecar) {
  Options wanted = options();
  wanted.facts = Facts{};
  wanted.facts->user = 1337;
  const auto text = policy("v1", wanted);
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error(), HasSubstr("intercept.user is 1337"));
}

}  // namespace
}  // namespace outrigger::inject
