#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kSmall =
    "services:\n"
    "  orders:\n"
    "    endpoints: { static: [\"10.0.0.1:8080\", \"10.0.0.2:8080\"] }\n";

// A file of that text, and the program's commands on it.
class CommandLine : public ::testing::Test {
 protected:
  std::string write(std::string_view text) {
    const auto path = x_folder / "outrigger.yaml";
    replace_file(path, text);
    return path.string();
  }
  static Finished outrigger(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), outrigger_binary());
    return run(std::move(arguments));
  }

  TempFolder x_folder;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(CommandLine, TheSmallestFileIsComplete) {
  const Finished check = outrigger({"check", "-c", write(kSmall)});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_TRUE(has(check.err, "ok, 1 service"));
}

TEST_F(CommandLine, CheckSaysWhatACacheKeyWithoutCredentialsMeansAndIsContent) {
  const std::string file = write(
      "services:\n"
      "  orders:\n"
      "    endpoints: { static: [\"10.0.0.1:8080\"] }\n"
      "    cache: { key: [accept] }\n");
  const Finished check = outrigger({"check", "-c", file});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_TRUE(has(check.err, file + ":4:14: \"key\" is without \"authorization\"")) << check.err;
  EXPECT_TRUE(has(check.err, "ok, 1 service")) << check.err;
}

TEST_F(CommandLine, CheckReportsEveryMistakeWithItsPlaceAndNearestKey) {
  const std::string file = write(
      "services:\n"
      "  orders:\n"
      "    endpoints: { static: [\"10.0.0.1:8080\"] }\n"
      "    timeot: { request: 1s }\n"
      "    retry: { attempts: many }\n"
      "  billing:\n"
      "    endpoints: { static: [\"10.0.0.1\"] }\n"
      "    fallback: [{ on: [any], service: nowhere }]\n");
  const Finished check = outrigger({"check", "-c", file});
  EXPECT_EQ(check.code, 2);
  EXPECT_TRUE(has(check.err, file + ":4:5: ")) << check.err;
  EXPECT_TRUE(has(check.err, "\"timeout\"")) << check.err;
  EXPECT_TRUE(has(check.err, file + ":5:24: ")) << check.err;
  EXPECT_TRUE(has(check.err, file + ":7:27: ")) << check.err;
  EXPECT_TRUE(has(check.err, file + ":8:38: ")) << check.err;
  EXPECT_TRUE(check.out.empty());
}

TEST_F(CommandLine, RunRefusesABadFileWithTheSamePlaces) {
  const std::string file = write("servces: {}\n");
  const Finished refused = outrigger({"run", "-c", file});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(has(refused.err, file + ":1:1: ")) << refused.err;
  EXPECT_TRUE(has(refused.err, "services")) << refused.err;
}

TEST_F(CommandLine, AFileThatIsNotThereIsBadInput) {
  const Finished check = outrigger({"check", "-c", (x_folder / "nothing.yaml").string()});
  EXPECT_EQ(check.code, 2);
  EXPECT_TRUE(has(check.err, "nothing.yaml")) << check.err;
}

TEST_F(CommandLine, WhatEffectivePrintsIsReadBackAsTheSame) {
  const Finished first = outrigger({"check", "--effective", "-c", write(kSmall)});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_TRUE(has(first.out, "failure_rate: 50%")) << first.out;
  const Finished second = outrigger({"check", "--effective", "-c", write(first.out)});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
}

TEST_F(CommandLine, SeveralFilesMergeInOrder) {
  const std::string base = write(kSmall);
  const auto above = x_folder / "above.yaml";
  replace_file(above, "services: { orders: { timeout: { request: 3s } } }\n");
  const Finished check = outrigger({"check", "--effective", "-c", base, "-c", above.string()});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_TRUE(has(check.out, "request: 3s")) << check.out;
  EXPECT_TRUE(has(check.out, "10.0.0.2:8080")) << check.out;
}

TEST_F(CommandLine, AFolderIsItsFilesAndExplainNamesTheLineOfAProfile) {
  const auto folder = x_folder / "parts";
  std::filesystem::create_directory(folder);
  replace_file(folder / "a.yaml",
               "requires: '>=0.0.1'\nprofiles:\n  slow: { timeout: { request: 9s } }\n");
  replace_file(folder / "b.yaml", "services:\n  orders: { profile: slow }\n");
  const std::string at = folder.string();
  const Finished check = outrigger({"check", "--effective", "-c", at});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_TRUE(has(check.out, "request: 9s")) << check.out;
  EXPECT_TRUE(has(check.out, "requires: \">=0.0.1\"")) << check.out;
  const Finished call = outrigger({"explain", "-c", at, "GET", "http://orders/"});
  EXPECT_TRUE(has(call.out, "requires   >=0.0.1  (" + at + "/a.yaml:1)")) << call.out;
  EXPECT_TRUE(has(call.out, "profile    slow  (" + at + "/b.yaml:2)")) << call.out;
  EXPECT_TRUE(has(call.out, "(" + at + "/a.yaml:3)")) << call.out;
  replace_file(folder / "c.yaml", "requires: '>=99.0'\nkeys: of then\n");
  const Finished newer = outrigger({"check", "-c", at});
  EXPECT_EQ(newer.code, 2);
  EXPECT_TRUE(newer.err.starts_with(at + "/c.yaml:1:11: this file requires >=99.0")) << newer.err;
}

TEST_F(CommandLine, ExplainSaysServiceRouteAndLine) {
  const std::string file = write(
      "services:\n"
      "  orders:\n"
      "    endpoints: { static: [\"10.0.0.1:8080\"] }\n"
      "    timeout: { request: 3s }\n"
      "    routes:\n"
      "      - { name: reads, match: { path: /v2/*, method: [GET] }, timeout: { request: 1s } }\n");
  const Finished reads = outrigger({"explain", "-c", file, "GET", "http://orders/v2/x"});
  EXPECT_EQ(reads.code, 0) << reads.err;
  EXPECT_TRUE(has(reads.out, "service    orders  (" + file + ":2)")) << reads.out;
  EXPECT_TRUE(has(reads.out, "route      reads  (" + file + ":6)")) << reads.out;
  EXPECT_TRUE(has(reads.out, "listener   outbound")) << reads.out;
  const Finished write_call = outrigger({"explain", "-c", file, "POST", "http://orders/v2/x"});
  EXPECT_FALSE(has(write_call.out, "route ")) << write_call.out;
  const Finished with_field =
      outrigger({"explain", "-c", file, "GET", "http://orders/v2/x", "-H", "x-beta: 1"});
  EXPECT_EQ(with_field.code, 0) << with_field.err;
  const Finished unknown = outrigger({"explain", "-c", file, "GET", "http://example.org/"});
  EXPECT_EQ(unknown.code, 0);
  EXPECT_TRUE(has(unknown.out, "none answers to example.org: passed through")) << unknown.out;
  EXPECT_EQ(outrigger({"explain", "-c", file, "GET", "not a url"}).code, 2);
}

TEST_F(CommandLine, SchemaIsJsonThatNamesTheKeys) {
  const Finished schema = outrigger({"schema"});
  EXPECT_EQ(schema.code, 0);
  EXPECT_TRUE(has(schema.out, "\"$schema\""));
  EXPECT_TRUE(has(schema.out, "\"when_empty\""));
  const auto file = x_folder / "schema.json";
  replace_file(file, schema.out);
  EXPECT_EQ(run({"python3", "-m", "json.tool", file.string()}).code, 0);
}

TEST_F(CommandLine, AWrongCommandLineIsBadInputAndHelpIsNot) {
  EXPECT_EQ(outrigger({}).code, 2);
  EXPECT_EQ(outrigger({"fly"}).code, 2);
  EXPECT_EQ(outrigger({"run"}).code, 2);
  EXPECT_EQ(outrigger({"run", "-c", write(kSmall), "--log-format", "xml"}).code, 2);
  EXPECT_EQ(outrigger({"probe", "alive"}).code, 2);
  EXPECT_EQ(outrigger({"--help"}).code, 0);
  EXPECT_EQ(outrigger({"--version"}).code, 0);
}

TEST_F(CommandLine, BashCompletesWhatTheCommandLineKnows) {
  const auto script = x_folder / "completion.bash";
  const Finished printed = outrigger({"completion", "bash"});
  ASSERT_EQ(printed.code, 0) << printed.err;
  replace_file(script, printed.out);
  const auto completed = [&](const std::string& line) {
    const Finished done =
        run({"bash", "-c",
             "complete() { :; }; source " + script.string() + "; COMP_WORDS=(" + line +
                 "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _outrigger; "
                 "echo ${COMPREPLY[@]}"});
    EXPECT_EQ(done.code, 0) << done.err;
    return done.out;
  };
  EXPECT_EQ(completed("outrigger awa"), "await\n");
  EXPECT_EQ(completed("outrigger ctl circ"), "circuits\n");
  EXPECT_EQ(completed("outrigger ctl --json cache ''"),
            "clear --help -h --admin --config -c --token-file --ca-file --json\n");
  EXPECT_EQ(completed("outrigger ctl patch stock --t"), "--ttl --token-file\n");
  for (const char* shell : {"zsh", "fish"}) {
    const Finished other = outrigger({"completion", shell});
    EXPECT_EQ(other.code, 0);
    EXPECT_TRUE(has(other.out, "circuits")) << other.out;
  }
  EXPECT_EQ(outrigger({"completion", "csh"}).code, 2);
}

TEST_F(CommandLine, ATakenPortEndsWithASentence) {
  const Origin taken;
  const std::string file =
      write("admin: off\nmetrics: off\nlisteners: [{name: outbound, address: \"" + taken.address() +
            "\"}]\n" + std::string(kSmall));
  const Finished refused = outrigger({"run", "-c", file});
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(has(refused.err, "cannot start")) << refused.err;
  EXPECT_TRUE(has(refused.err, taken.address())) << refused.err;
  EXPECT_TRUE(has(refused.err, "in use")) << refused.err;
}

TEST_F(CommandLine, LogsAreTextWhenAsked) {
  const std::string file = write(
      "admin: off\nmetrics: off\nlisteners: [{address: \"127.0.0.1:0\"}]\n" + std::string(kSmall));
  Process process({outrigger_binary(), "run", "-c", file, "--log-format", "text"});
  EXPECT_TRUE(eventually([&] { return has(process.err(), "ready"); })) << process.err();
  EXPECT_FALSE(has(process.err(), "{\"ts\"")) << process.err();
  process.signal(SIGINT);
  EXPECT_TRUE(eventually([&] { return has(process.err(), "drain"); })) << process.err();
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 0);
}

TEST_F(CommandLine, ProbesAskTheMetricsListener) {
  const Sidecar sidecar("services: {orders: {endpoints: {static: [\"127.0.0.1:1\"]}}}\n");
  const auto probe = [&](const std::string& what) {
    return outrigger({"probe", what, "--address", sidecar.metrics_address()});
  };
  EXPECT_EQ(probe("startup").code, 0);
  EXPECT_EQ(probe("ready").code, 0);
  sidecar.admin("POST", "/api/v1/drain");
  const Finished draining = probe("ready");
  EXPECT_EQ(draining.code, 1);
  EXPECT_TRUE(has(draining.err, "503")) << draining.err;
  EXPECT_EQ(outrigger({"probe", "ready", "--address", "127.0.0.1:1"}).code, 1);
}

}  // namespace
}  // namespace outrigger::testing
