// `outrigger inject` and `uninject` as people run them: files, folders, stdin, exit codes.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kPod =
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata:\n"
    "  name: orders\n"
    "spec:\n"
    "  containers:\n"
    "  - name: app   # ours\n"
    "    image: shop/orders:1\n";

class InjectCommand : public ::testing::Test {
 protected:
  std::string write(std::string_view name, std::string_view text) {
    const auto path = x_folder / std::string(name);
    replace_file(path, text);
    return path.string();
  }
  static Finished outrigger(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), outrigger_binary());
    return run(std::move(arguments));
  }

  TempFolder x_folder;
};

TEST_F(InjectCommand, PrintsTheManifestWithItsConfigMapAndUninjectTakesBothOut) {
  const std::string pod = write("pod.yaml", kPod);
  const std::string config = write(
      "outrigger.conf", "services:\n  stock:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n");
  const Finished injected = outrigger({"inject", "-c", config, pod});
  EXPECT_EQ(injected.code, 0);
  EXPECT_EQ(injected.err, "pod/orders  injected  redirect, config outrigger-orders\n");
  EXPECT_THAT(injected.out, HasSubstr("kind: ConfigMap"));
  EXPECT_THAT(injected.out, HasSubstr("      stock:\n        endpoints: { static:"));
  const Finished back = outrigger({"uninject", write("injected.yaml", injected.out)});
  EXPECT_EQ(back.code, 0);
  EXPECT_EQ(back.out, kPod);
}

TEST_F(InjectCommand, MakesOneStreamOfAFolder) {
  std::filesystem::create_directory(x_folder / "all");
  write("all/b.yaml", kPod);
  write("all/a.yml", "kind: Service");
  write("all/c.txt", "not read");
  const Finished injected = outrigger({"inject", (x_folder / "all").string()});
  EXPECT_EQ(injected.code, 0) << injected.err;
  EXPECT_THAT(injected.out, StartsWith("kind: Service\n---\napiVersion: v1\nkind: Pod\n"));
}

TEST_F(InjectCommand, EndsWith2WhenAWorkloadIsRefusedAndPrintsItAsItWas) {
  const std::string text = std::string(kPod) + "    securityContext: { runAsUser: 15001 }\n";
  const Finished injected = outrigger({"inject", write("pod.yaml", text)});
  EXPECT_EQ(injected.code, 2);
  EXPECT_EQ(injected.out, text);
  EXPECT_THAT(injected.err, HasSubstr("pod/orders  refused  container app: runAsUser 15001"));
}

TEST_F(InjectCommand, EndsWith2AndPrintsNothingWhenItCannotDoWhatIsAsked) {
  const std::string pod = write("pod.yaml", kPod);
  const std::string config = write("bad.conf", "servces: {}\n");
  for (const Finished& finished :
       {outrigger({"inject"}), outrigger({"inject", pod, (x_folder / "none.yaml").string()}),
        outrigger({"inject", "--mode", "proxi", pod}),
        outrigger({"inject", "--resources", "cpus=1", pod}),
        outrigger({"inject", "-c", config, pod})}) {
    EXPECT_EQ(finished.code, 2);
    EXPECT_EQ(finished.out, "");
    EXPECT_NE(finished.err, "");
  }
}

TEST_F(InjectCommand, PrintsThePolicy) {
  const Finished policy = outrigger({"inject", "--policy", "v1beta1", "--mode", "ports"});
  EXPECT_EQ(policy.code, 0) << policy.err;
  EXPECT_THAT(policy.out, StartsWith("apiVersion: admissionregistration.k8s.io/v1beta1\n"));
}

}  // namespace
}  // namespace outrigger::testing
