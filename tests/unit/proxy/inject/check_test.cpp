// What is skipped and refused, and what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/inject/inject.hpp"
#include "tests/unit/proxy/inject/support.hpp"

namespace outrigger::inject {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string pod(std::string_view spec, std::string_view metadata = "") {
  return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  namespace: shop\n" +
         std::string(metadata) + "spec:\n" + std::string(spec) +
         "  containers:\n  - name: app\n    image: x\n";
}

// The line that is said of the one workload; a text that was not injected must be unchanged.
std::string line_of(const std::string& text, const Options& wanted = options()) {
  const Changed changed = injected(text, wanted);
  EXPECT_EQ(changed.reports.size(), 1u);
  const bool touched = changed.reports[0].what == Report::What::kInjected;
  EXPECT_EQ(changed.text == text, !touched);
  return to_string(changed.reports[0]);
}

Options knowing(const config::Config& config, std::optional<Mode> mode = {}) {
  Options wanted = options(mode);
  wanted.facts = facts_of(config);
  return wanted;
}

TEST(Check, SkipsWhatASidecarCannotServe) {
  EXPECT_EQ(line_of(pod("  hostNetwork: true\n")),
            "pod/x  skipped  hostNetwork: its calls are the node's");
  EXPECT_EQ(line_of(pod("", "  labels:\n    outrigger.dev/inject: disabled\n")),
            "pod/x  skipped  outrigger.dev/inject: disabled");
  EXPECT_EQ(line_of(pod("  os:\n    name: windows\n")), "pod/x  skipped  it runs on Windows");
}

TEST(Check, RefusesTheSidecarsUserWhereTheKernelTellsItsCallsByIt) {
  EXPECT_EQ(line_of(pod("  securityContext:\n    runAsUser: 15001\n")),
            "pod/x  refused  runAsUser 15001 is the sidecar's: its calls would bypass it");
  const std::string one = pod("") + "    securityContext: {runAsUser: 15001}\n";
  EXPECT_THAT(line_of(one), StartsWith("pod/x  refused  container app: runAsUser 15001"));
  EXPECT_THAT(line_of(one, options(Mode::kProxy)), StartsWith("pod/x  injected"));
  config::Config config;
  config.intercept.user = 1337;
  EXPECT_THAT(line_of(pod(""), knowing(config)),
              StartsWith("pod/x  refused  intercept.user is 1337"));
  EXPECT_THAT(line_of(pod(""), knowing(config, Mode::kPorts)), StartsWith("pod/x  injected"));
}

TEST(Check, RefusesPortsOfTheSidecar) {
  EXPECT_EQ(line_of(pod("") + "    ports:\n    - containerPort: 15001\n"),
            "pod/x  refused  container app: port 15001 is the sidecar's");
  EXPECT_THAT(line_of(pod("") + "    livenessProbe: {httpGet: {port: 9902, path: /}}\n"),
              HasSubstr("its livenessProbe would ask port 9902"));
  config::Config config;
  config.listeners[0].addresses = {"127.0.0.1:8080"};
  EXPECT_THAT(line_of(pod("") + "    ports: [{containerPort: 8080}]\n", knowing(config)),
              HasSubstr("port 8080 is the sidecar's"));
}

TEST(Check, RefusesAPodThatEndsBeforeTheSidecarHasDrained) {
  const std::string short_lived = pod("  terminationGracePeriodSeconds: 10\n");
  EXPECT_THAT(line_of(short_lived), StartsWith("pod/x  injected"));
  EXPECT_EQ(line_of(short_lived, knowing({})),
            "pod/x  refused  terminationGracePeriodSeconds 10 is less than drain.grace and 5 s, "
            "30: calls would be cut off");
  EXPECT_THAT(line_of(pod(""), knowing({})), StartsWith("pod/x  injected"));
  config::Config config;
  config.drain.grace_ms = 60'000;
  EXPECT_THAT(line_of(pod(""), knowing(config)), HasSubstr("65"));
}

TEST(Check, RefusesRedirectWhereTheNamespaceForbidsIt) {
  const auto in = [](std::string_view level) {
    return "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    "
           "pod-security.kubernetes.io/enforce: " +
           std::string(level) + "\n---\n" + pod("");
  };
  EXPECT_THAT(line_of(in("restricted")), HasSubstr("namespace shop enforces restricted"));
  EXPECT_THAT(line_of(in("baseline")), HasSubstr("namespace shop enforces baseline"));
  EXPECT_THAT(line_of(in("privileged")), StartsWith("pod/x  injected"));
  EXPECT_THAT(line_of(in("restricted"), options(Mode::kProxy)), StartsWith("pod/x  injected"));
}

TEST(Check, RefusesWhatIsNamedAsOursButIsNot) {
  EXPECT_THAT(line_of(pod("  initContainers:\n  - name: outrigger\n")),
              HasSubstr("a container named outrigger is there that inject did not write"));
  EXPECT_THAT(line_of(pod("  volumes:\n  - name: outrigger-config\n")),
              HasSubstr("a volume named outrigger-config"));
  EXPECT_THAT(line_of(pod("") + "    env: [{name: HTTP_PROXY, value: x}]\n", options(Mode::kProxy)),
              HasSubstr("container app has a HTTP_PROXY of its own"));
}

TEST(Check, RefusesWhatTheConfigurationCannotDo) {
  config::Config config;
  config.metrics.reset();
  EXPECT_THAT(line_of(pod(""), knowing(config)), HasSubstr("metrics are off"));
  config::Config ports;
  ports.listeners[0].service = "orders";
  EXPECT_THAT(line_of(pod(""), knowing(ports, Mode::kProxy)), HasSubstr("no listener"));
  Options openshift = options(Mode::kRedirect);
  openshift.openshift = true;
  EXPECT_THAT(line_of(pod(""), openshift), HasSubstr("OpenShift chooses the user"));
}

TEST(Check, RefusesWhatIsNoWorkloadAtAll) {
  EXPECT_EQ(line_of("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n"),
            "deployment/x  refused  its pod template has no containers");
  EXPECT_EQ(line_of("apiVersion: v1\nkind: Pod\nspec: 5\n"),
            "pod/?  refused  its pod template has no containers");
}

TEST(Annotations, OverrideWhatIsAskedForAll) {
  EXPECT_EQ(line_of(pod("",
                        "  annotations:\n    config.outrigger.dev/mode: ports\n"
                        "    config.outrigger.dev/config-map: common\n")),
            "pod/x  injected  ports, config common");
  const Changed changed =
      injected(pod("",
                   "  annotations:\n    config.outrigger.dev/image: other:2\n"
                   "    config.outrigger.dev/cpu: 50m\n    config.outrigger.dev/memory: 256Mi\n"
                   "    config.outrigger.dev/cpu-limit: \"1\"\n"
                   "    config.outrigger.dev/registry-token: \"true\"\n"));
  EXPECT_THAT(changed.text, HasSubstr("image: other:2"));
  EXPECT_THAT(changed.text, HasSubstr("requests:\n        cpu: 50m\n        memory: 256Mi\n"));
  EXPECT_THAT(changed.text, HasSubstr("limits:\n        cpu: \"1\"\n        memory: 256Mi\n"));
  EXPECT_THAT(changed.text, HasSubstr("serviceAccountToken"));
}

TEST(Annotations, OfThePodCountMoreThanThoseOfTheWorkload) {
  const std::string text =
      "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: x\n  annotations:\n"
      "    config.outrigger.dev/mode: ports\n    config.outrigger.dev/image: other:2\nspec:\n"
      "  template:\n    metadata:\n      annotations:\n        config.outrigger.dev/mode: proxy\n"
      "    spec:\n      containers:\n      - name: app\n";
  EXPECT_EQ(line_of(text), "deployment/x  injected  proxy, config outrigger-x");
}

TEST(Annotations, ThatAreUnknownOrWrongAreRefused) {
  EXPECT_EQ(line_of(pod("", "  annotations:\n    config.outrigger.dev/mod: proxy\n")),
            "pod/x  refused  annotation config.outrigger.dev/mod is unknown; was mode meant?");
  EXPECT_EQ(line_of(pod("",
                        "  annotations:\n    config.outrigger.dev/mode: proxi\n"
                        "    config.outrigger.dev/cpu: lots\n")),
            "pod/x  refused  config.outrigger.dev/mode: mode proxi is unknown; was proxy meant?; "
            "config.outrigger.dev/cpu: lots is no quantity, as 10m or 64Mi are");
}

}  // namespace
}  // namespace outrigger::inject
