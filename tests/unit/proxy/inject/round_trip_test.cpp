// Many manifests, in every way people write them: each comes back to the same bytes, or to equal
// objects where it was not in block style.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/manifest.hpp"
#include "proxy/inject/inject.hpp"
#include "proxy/inject/pod_template.hpp"
#include "tests/unit/proxy/inject/support.hpp"

namespace outrigger::inject {
namespace {

using config::Node;
using testing::EndsWith;
using testing::HasSubstr;

struct Case {
  std::string name;
  std::string text;
  bool is_variant = false;  // of line ends: one mode is enough
};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// A pod template below `spec.template:`, indented as such.
constexpr std::string_view kTemplate = R"(    metadata:
      labels:
        app: x
    spec:
      containers:
      - name: app
        image: x:1
)";

std::string workload(std::string_view version, std::string_view kind, std::string_view rest = "") {
  return "apiVersion: " + std::string(version) + "\nkind: " + std::string(kind) +
         "\nmetadata:\n  name: x\nspec:\n" + std::string(rest) + "  template:\n" +
         std::string(kTemplate);
}

std::string deployment(std::string_view pod) {
  return "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: x}\nspec:\n  template:\n" +
         std::string(pod);
}

std::vector<Case> block_style() {
  std::vector<Case> cases{
      {"Orders", std::string(kOrders)},
      {"Deployment", workload("apps/v1", "Deployment", "  replicas: 2\n")},
      {"StatefulSet", workload("apps/v1", "StatefulSet", "  serviceName: x\n")},
      {"DaemonSet", workload("apps/v1", "DaemonSet")},
      {"ReplicaSet", workload("apps/v1", "ReplicaSet")},
      {"Job", workload("batch/v1", "Job", "  backoffLimit: 1\n")},
      {"ReplicationController", workload("v1", "ReplicationController")},
      {"CronJob",
       "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: x\nspec:\n  schedule: '* * * * *'\n"
       "  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n"
       "          containers:\n            - name: app\n              image: x\n"},
      {"Pod",
       "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - image: x\n    "
       "name: app\n"},
      {"List",
       "apiVersion: v1\nkind: List\nitems:\n" +
           replaced("- " + replaced(workload("apps/v1", "Deployment"), "\n", "\n  ") + "\n", "  \n",
                    "") +
           "- apiVersion: v1\n  kind: Service\n  metadata: {name: x}\n"
           "- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: y\n  spec:\n    containers:\n    "
           "- name: one\n"},
      {"OwnInitContainersAndVolumes",
       deployment(
           "    spec:\n      volumes:   # of ours\n\n      # the first\n      - name: data\n       "
           " "
           "emptyDir: {}\n      initContainers:\n          # before\n          - name: init\n"
           "            image: x\n          # behind\n      containers:\n      - name: app\n")},
      {"OwnAnnotations",
       deployment(
           "    metadata:\n      annotations:\n        # why\n        a: b\n    spec:\n      "
           "containers:\n      - name: app\n")},
      {"EmptyLists",
       deployment("    metadata:\n      annotations: {}  # none\n    spec:\n      volumes: []\n"
                  "      initContainers:\n      containers:\n      - name: app\n        env: []\n"
                  "      - name: two\n        env:\n")},
      {"EmptyMetadata",
       deployment("    metadata: {}\n    spec:\n      containers:\n      - name: app\n")},
      {"NullMetadata",
       deployment("    metadata:\n    spec:\n      containers:\n      - name: app\n")},
      {"OneKeyContainersWithEnvironment",
       deployment(
           "    spec:\n      containers:\n      - name: one\n        env:\n        - name: A\n"
           "          value: b\n      -\n        name: two\n      - # three\n        name: "
           "three\n      - env:\n        - {name: A, value: b}\n        name: four\n")},
      {"BlockScalars",
       deployment(
           "    spec:\n      containers:\n      - name: app\n        command:\n        - sh\n"
           "        - -c\n        - |\n          echo \"---\"\n\n          # no comment\n"
           "          exec $HOME ${NAME%x}\n      - name: two\n        args:\n        - >-\n"
           "            a\n            b\n")},
      {"Anchors",
       "kind: Deployment\napiVersion: apps/v1\nmetadata:\n  name: x\n  labels: &l {a: b}\n"
       "spec:\n  selector: {matchLabels: *l}\n  template:\n    metadata: \n      labels: "
       "*l\n    spec:\n      containers:\n      - name: app\n"},
      {"DocumentMarkers", "---   # the one\n" + workload("apps/v1", "Deployment") + "...\n"},
      {"Documents", "apiVersion: v1\nkind: Service\nmetadata: {name: [}\n---\n" +
                        workload("apps/v1", "Deployment") + "---\n\n---\n# nothing\n---\n" +
                        workload("batch/v1", "Job") + "---\n\xff\xfe not UTF-8\n"},
      {"DeepIndent",
       "kind: Deployment\napiVersion: apps/v1\nspec:\n        template:\n                spec:\n"
       "                     containers:\n                               -   name: app\n"
       "                                   image: x\n"},
      {"Ends", workload("apps/v1", "Deployment") + "\n\n# the end\n"},
      {"Directive", "%YAML 1.2\n---\n" + workload("apps/v1", "Deployment")},
  };
  const size_t plain = cases.size();
  for (size_t i = 0; i < plain; ++i) {
    const Case from = cases[i];
    cases.push_back({from.name + "Crlf", replaced(from.text, "\n", "\r\n"), true});
    cases.push_back({from.name + "WithoutEnd", from.text.substr(0, from.text.size() - 1), true});
  }
  return cases;
}

std::vector<Case> other_style() {
  const std::string json =
      R"({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
"spec": {"replicas": 2, "template": {"metadata": {"annotations": {}}, "spec": {"priority": -5,
"containers": [{"name": "app", "env": [], "args": ["\ud83d\ude80", "true", "1.10", "${X}"]}]}}}})";
  return {
      {"Json", json},
      {"JsonList", R"({"apiVersion":"v1","kind":"List","items":[)" + json + "," + json + "]}"},
      {"Flow",
       "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"
       "spec: {template: {spec: {containers: [{name: app, image: \"x:1\"}]}}}\n"},
      {"FlowSpec",
       deployment("    spec: {containers: [{name: app, args: [\"on\", -5, 0x1F, 'it''s', "
                  "~, \"\", 1.10, yes]}], volumes: []}\n")},
      {"FlowVolumes", deployment("    spec:\n      volumes: [{name: data, emptyDir: {}}]\n      "
                                 "containers:\n      - name: app\n")},
      {"QuotedKeys", deployment("    \"spec\":\n      'containers':\n      - name: app\n")},
      {"NamedNull", deployment("    spec:\n      volumes: ~\n      initContainers: null\n"
                               "      containers:\n      - name: app\n")},
      {"SharedTemplate",
       "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  "
       "metadata:\n"
       "    name: one\n  spec:\n    template: &t\n      spec:\n        containers:\n        - "
       "name: "
       "app\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: two\n  spec:\n    "
       "template: *t\n"},
      {"Merged",
       "apiVersion: v1\nkind: List\nx: &base\n  containers:\n  - name: app\n  volumes:\n"
       "  - name: data\n    emptyDir: {}\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:"
       "\n    name: x\n  spec:\n    <<: *base\n    hostname: h\n"},
      {"Strings", deployment("    spec: {containers: [{name: app, args: [\"a\\nb\\n\", \" x\", "
                             "\"- y\", \"#\", \"a: b\", \"\\x01\", \"\xc3\xa9\", \"x\\n\\n\", "
                             "\"!t\", \"*a\", \"1_000\", \"=\", \"<<\"]}]}\n")},
  };
}

std::vector<Options> all_options() {
  std::vector<Options> all{options(), options(Mode::kProxy), options(Mode::kPorts)};
  all.push_back(options());
  all.back().registry_token = true;
  all.push_back(options(Mode::kProxy));
  all.back().openshift = true;
  all.back().config_text = "services:\n  a:\n    endpoints: {static: [\"10.0.0.1:80\"]}\n";
  return all;
}

// Every document as values; those that cannot be read as text.
std::vector<Node> meaning(std::string_view text) {
  std::vector<Node> all;
  const auto read = config::parse_manifest(text);
  all.push_back(read ? read->root : Node::string(text));
  return all;
}

TEST(RoundTrip, OfBlockStyleIsToTheSameBytes) {
  for (const Case& one : block_style()) {
    for (const Options& wanted :
         one.is_variant ? std::vector{options(Mode::kProxy)} : all_options()) {
      SCOPED_TRACE(one.name + " " + std::string(to_string(wanted.mode.value_or(Mode::kRedirect))));
      const Changed changed = injected(one.text, wanted);
      EXPECT_FALSE(changed.reports.empty());
      for (const Report& report : changed.reports) {
        EXPECT_EQ(report.what, Report::What::kInjected) << to_string(report);
        EXPECT_EQ(report.detail.find("anew"), std::string::npos) << to_string(report);
      }
      EXPECT_EQ(injected(changed.text, wanted).text, changed.text) << "a second time";
      EXPECT_EQ(uninject(changed.text).text, one.text);
      const Options other = options(wanted.mode == Mode::kProxy ? Mode::kPorts : Mode::kProxy);
      const std::string upgraded = injected(changed.text, other).text;
      if (wanted.config_text.empty()) {
        EXPECT_EQ(upgraded, injected(one.text, other).text);
      }
      EXPECT_EQ(uninject(upgraded).text, one.text);
    }
  }
}

TEST(RoundTrip, OfOtherStylesIsToEqualObjects) {
  for (const Case& one : other_style()) {
    for (const Options& wanted : all_options()) {
      SCOPED_TRACE(one.name + " " + std::string(to_string(wanted.mode.value_or(Mode::kRedirect))));
      Options bare = wanted;
      bare.config_text.clear();
      const Changed changed = injected(one.text, bare);
      EXPECT_FALSE(changed.reports.empty());
      for (const Report& report : changed.reports) {
        EXPECT_EQ(report.what, Report::What::kInjected) << to_string(report);
        EXPECT_THAT(report.detail, HasSubstr("written anew"));
      }
      EXPECT_EQ(injected(changed.text, bare).text, changed.text) << "a second time";
      const auto before = meaning(one.text);
      const auto after = meaning(uninject(changed.text).text);
      ASSERT_EQ(before.size(), after.size());
      EXPECT_TRUE(config::same_values(before[0], after[0])) << uninject(changed.text).text;
    }
  }
}

// What is written as text means what the tree says, in any style.
TEST(RoundTrip, PutsTheSidecarFirst) {
  for (const Case& one : other_style()) {
    SCOPED_TRACE(one.name);
    const auto changed = config::parse_manifest(injected(one.text).text);
    ASSERT_TRUE(changed);
    for (const Workload& workload : find_workloads(changed->root)) {
      const Node* init = find(changed->root, workload.pod / "spec" / "initContainers");
      ASSERT_NE(init, nullptr);
      EXPECT_EQ(init->items[0].find("name")->text, kInit);
      EXPECT_EQ(init->items[1].find("name")->text, kSidecar);
    }
  }
}

}  // namespace
}  // namespace outrigger::inject
