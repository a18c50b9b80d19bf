// `outrigger await`: a command that begins when the sidecar is ready, and ends as itself.
#include <csignal>

#include <gtest/gtest.h>

#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kServices =
    "services: {orders: {endpoints: {static: ['127.0.0.1:1']}}}\n";

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> await(std::vector<std::string> options, std::vector<std::string> command) {
  std::vector<std::string> argv{outrigger_binary(), "await"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.emplace_back("--");
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

std::vector<std::string> shell(const std::string& script) { return {"sh", "-c", script}; }

class Await : public ::testing::Test {
 protected:
  Finished await(std::vector<std::string> command) const {
    return run(testing::await({"--address", x_sidecar.metrics_address()}, std::move(command)));
  }

  const Sidecar x_sidecar{std::string(kServices)};
};

TEST_F(Await, EndsWithTheExitCodeOfItsCommand) {
  const Finished done = await(shell("echo ran $1; exit 0"));
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "ran\n");
  EXPECT_EQ(done.err, "");
  EXPECT_EQ(await(shell("exit 7")).code, 7);
  EXPECT_EQ(await(shell("kill -KILL $$")).code, 128 + SIGKILL);
  EXPECT_EQ(await({"outrigger-no-such-program"}).code, 127);
  EXPECT_EQ(await({"/"}).code, 126);
}

TEST_F(Await, GivesItsCommandTheArgumentsAsTheyAre) {
  const Finished done = await({"printf", "%s|", "--shutdown", "-c", "a b", "--"});
  EXPECT_EQ(done.out, "--shutdown|-c|a b|--|") << done.err;
  EXPECT_EQ(await({"printf", "%s|", "[a,b]", "{}", ""}).out, "[a,b]|{}||");
}

TEST_F(Await, PassesSignalsOn) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    Process process(testing::await(
        {"--address", x_sidecar.metrics_address()},
        shell("trap 'echo got; exit 9' TERM INT HUP USR1; echo up; while :; do sleep 0.05; done")));
    ASSERT_TRUE(eventually([&] { return has(process.out(), "up"); })) << process.err();
    process.signal(number);
    EXPECT_EQ(process.wait(), 9) << number;
    EXPECT_TRUE(has(process.out(), "got"));
  }
}

TEST_F(Await, DiesAsItsCommandDiesOfASignal) {
  Process process(
      testing::await({"--address", x_sidecar.metrics_address()}, shell("echo up; exec sleep 60")));
  ASSERT_TRUE(eventually([&] { return has(process.out(), "up"); })) << process.err();
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(), 128 + SIGTERM);
}

TEST_F(Await, FindsTheSidecarFromItsFile) {
  // Its ports are 0 in the file, so that nobody is there.
  const Finished nobody =
      run(testing::await({"-c", x_sidecar.file().string(), "--timeout", "0"}, shell("exit 0")));
  EXPECT_EQ(nobody.code, 1) << nobody.err;
}

TEST(AwaitEnd, ShutdownEndsTheSidecarAfterItsCommand) {
  Sidecar sidecar("drain: {quiet: 100ms}\n" + std::string(kServices));
  const Finished done = run(await(
      {"--address", sidecar.metrics_address(), "--admin", sidecar.admin_address(), "--shutdown"},
      shell("exit 7")));
  EXPECT_EQ(done.code, 7) << done.err;
  EXPECT_EQ(sidecar.process().wait(), 0);
  EXPECT_TRUE(sidecar.logs("the command of await has ended"));
}

TEST(AwaitEnd, AnEndThatFailsIsSaidAndChangesNoExitCode) {
  const Sidecar sidecar{std::string(kServices)};
  const Finished done = run(await({"--address", sidecar.metrics_address(), "--admin",
                                   "127.0.0.1:" + std::to_string(free_port()), "--shutdown"},
                                  shell("exit 7")));
  EXPECT_EQ(done.code, 7);
  EXPECT_TRUE(has(done.err, "the sidecar goes on: ")) << done.err;
}

TEST(AwaitStart, WithoutASidecarTheSettingDecides) {
  const std::string free = "127.0.0.1:" + std::to_string(free_port());
  const Finished fails = run(await({"--address", free, "--timeout", "300ms"}, shell("echo ran")));
  EXPECT_EQ(fails.code, 1);
  EXPECT_EQ(fails.out, "");
  EXPECT_TRUE(has(fails.err, "no sidecar is ready after 300ms: " + free)) << fails.err;
  const Finished runs = run(await({"--address", free, "--timeout", "300ms", "--on-timeout", "run"},
                                  shell("echo ran; exit 7")));
  EXPECT_EQ(runs.code, 7);
  EXPECT_EQ(runs.out, "ran\n");
  EXPECT_TRUE(has(runs.err, ", running without it: ")) << runs.err;
}

TEST(AwaitStart, WaitsForASidecarThatComesLate) {
  const int port = free_port();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  Process process(await({"--address", address, "--timeout", "60s"}, shell("echo ran")));
  EXPECT_FALSE(process.wait(300));
  EXPECT_EQ(process.out(), "");
  const Sidecar sidecar(
      "admin: off\nmetrics: {address: '" + address + "'}\n" + std::string(kServices),
      {.own_admin = true});
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_EQ(process.out(), "ran\n");
}

TEST(AwaitStart, WaitsUntilDiscoveryHasAnswered) {
  const int registry = free_port();
  const std::string yaml = "startup: {wait: 2s}\nregistries: {consul: {url: 'http://127.0.0.1:" +
                           std::to_string(registry) +
                           "'}}\nservices: {orders: {endpoints: {consul: {service: orders}}}}\n";
  const Sidecar sidecar(yaml);
  const Finished early =
      run(await({"--address", sidecar.metrics_address(), "--timeout", "100ms"}, shell("echo ran")));
  EXPECT_EQ(early.code, 1);
  EXPECT_TRUE(has(early.err, "the first discovery answer of a service is missing")) << early.err;
  EXPECT_EQ(run(await({"--address", sidecar.metrics_address()}, shell("exit 0"))).code, 0);
}

TEST(AwaitStart, ASignalEndsTheWaiting) {
  Process process(
      await({"--address", "127.0.0.1:" + std::to_string(free_port())}, shell("exit 0")));
  EXPECT_FALSE(process.wait(200));
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(), 128 + SIGTERM);
}

TEST(AwaitStart, ABadCommandLineIsSaid) {
  EXPECT_EQ(run({outrigger_binary(), "await"}).code, 2);
  EXPECT_EQ(run({outrigger_binary(), "await", "true"}).code, 2);
  EXPECT_EQ(run(await({}, {})).code, 2);
  EXPECT_EQ(run(await({"--timeout", "soon"}, shell("exit 0"))).code, 2);
  EXPECT_EQ(run(await({"--address", "nowhere"}, shell("exit 0"))).code, 2);
}

// In a namespace of processes of its own, as in a container.
TEST(AwaitFirst, ReapsWhatIsLeftToItAndPassesSignalsOnAsPidOne) {
  const auto unshared = [](std::vector<std::string> argv) {
    std::vector<std::string> all{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"};
    all.insert(all.end(), argv.begin(), argv.end());
    return all;
  };
  if (run(unshared({"true"})).code != 0) GTEST_SKIP() << "no namespace of processes here";
  const Sidecar sidecar{std::string(kServices)};
  // The orphan of a command that goes on ends: it is gone from /proc only once it is reaped.
  const std::string script =
      "test $PPID = 1 || exit 3; pid=$(sh -c 'sleep 0.1 >/dev/null & echo $!'); "
      "for i in $(seq 200); do test -e /proc/$pid || exit 0; sleep 0.05; done; exit 4";
  const Finished done =
      run(unshared(await({"--address", sidecar.metrics_address()}, shell(script))));
  EXPECT_EQ(done.code, 0) << done.err;
}

}  // namespace
}  // namespace outrigger::testing
