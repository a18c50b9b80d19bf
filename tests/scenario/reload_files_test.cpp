// Files that change under a running sidecar: the configuration's own, which are watched, and those
// that it names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/control_plane.hpp"
#include "tests/support/orders.hpp"
#include "tests/support/pages.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string state(Town& town) {
  Caller caller(town, kAdmin);
  caller.host = "localhost";
  return caller.get("/api/v1/config", "Accept: application/json\r\n").body;
}

// ---- the configuration's own

struct WatchedFile : Town {
  WatchedFile() : Town(version(1)), caller(*this) { origin(kAt); }

  void settle() { pass_ms(2 * app::ConfigFiles::kTogetherMs); }
  std::string in_force() { return caller.get().field("x-version"); }
  double is_good() { return metric(*this, "outrigger_config_last_reload_successful"); }

  Caller caller;
};

TEST(ReloadFiles, AChangedFileIsInForceByItself) {
  WatchedFile town;
  town.write(version(2));
  town.settle();
  EXPECT_EQ(town.in_force(), "2");
  EXPECT_THAT(page(town, kAdmin, "/api/v1/events"), HasSubstr("\"kind\":\"reload\""));
  EXPECT_EQ(town.is_good(), 1);
  EXPECT_THAT(state(town), Not(HasSubstr("differs_since")));
}

TEST(ReloadFiles, ABadFileChangesNothingAndEveryPlaceSaysSoUntilItIsRightAgain) {
  WatchedFile town;
  int number = 1;
  const auto each = [&](const std::string& what, const std::function<void()>& spoil,
                        const std::string& said) {
    spoil();
    town.settle();
    EXPECT_EQ(town.in_force(), std::to_string(number)) << what;
    EXPECT_EQ(town.is_good(), 0) << what;
    EXPECT_THAT(state(town), HasSubstr(said)) << what;
    EXPECT_THAT(state(town), HasSubstr("\"differs_since\":")) << what;
    EXPECT_THAT(page(town, kAdmin, "/api/v1/events"), HasSubstr("reload_failed")) << what;
    town.write(version(++number));
    town.settle();
    EXPECT_EQ(town.in_force(), std::to_string(number)) << what;
    EXPECT_EQ(town.is_good(), 1) << what;
  };
  const auto text = [&](std::string bytes) {
    return [&town, bytes = std::move(bytes)] { town.write(bytes); };
  };
  each("torn", text(version(9).substr(0, 40)), "\"line\":1");
  each("empty", text(""), "the file is empty");
  each("large", text(std::string(2 << 20, '#') + "\n" + version(9)), "larger than 1MiB");
  each("binary",
       text(std::string("\x7f"
                        "ELF\0\xff\xfe",
                        7)),
       "\"line\":1");
  each(
      "gone", [&] { town.files.remove(Town::kFile); }, "No such file or directory");
  each(
      "unreadable", [&] { town.files.fail(Town::kFile, "Permission denied"); },
      "Permission denied");
  each(
      "cyclic link", [&] { town.files.fail(Town::kFile, "Too many levels of symbolic links"); },
      "Too many levels");
}

TEST(ReloadFiles, FiftyMistakesAreSaidAtOnceEachWithItsLine) {
  WatchedFile town;
  std::string text = "services:\n";
  for (int i = 0; i < 50; ++i) text += "  s" + std::to_string(i) + ": {nothing: 1}\n";
  town.write(text);
  town.settle();
  const std::string said = state(town);
  for (int line = 2; line < 52; ++line) {
    EXPECT_THAT(said, HasSubstr("\"line\":" + std::to_string(line) + ","));
  }
  EXPECT_EQ(town.in_force(), "1");
}

TEST(ReloadFiles, TheVersionThatRunsIsNoChangeOfWhatRuns) {
  WatchedFile town;
  town.write("services: [");
  town.settle();
  town.write(version(1));
  town.settle();
  EXPECT_EQ(town.is_good(), 1);
  EXPECT_EQ(town.in_force(), "1");
  EXPECT_EQ(town.origin(kAt).accepted(), 1u);
}

TEST(ReloadFiles, ADiskThatAnswersLaterHoldsUpNothing) {
  WatchedFile town;
  town.settle();
  town.files.hold();
  town.write(version(2));
  Caller admin(town, kAdmin);
  admin.host = "localhost";
  const Message answer = admin.ask("POST", "/api/v1/config/reload");
  EXPECT_EQ(answer.status(), 202);
  EXPECT_EQ(town.in_force(), "1");
  town.files.hold(false);
  town.settle();
  EXPECT_EQ(town.in_force(), "2");
}

TEST(ReloadFiles, ThoseWhoAskTogetherAreAnsweredTogether) {
  WatchedFile town;
  town.write("services: [");
  std::vector<std::unique_ptr<Caller>> askers;
  for (int i = 0; i < 3; ++i) {
    askers.push_back(std::make_unique<Caller>(town, kAdmin));
    askers.back()->host = "localhost";
    askers.back()->begin("POST", "/api/v1/config/reload");
  }
  for (auto& asker : askers) EXPECT_EQ(asker->next().status(), 422);
}

TEST(ReloadFiles, AnAskerThatLeavesEndsNoReload) {
  WatchedFile town;
  town.settle();
  town.files.hold();
  town.write(version(2));
  auto asker = std::make_unique<Caller>(town, kAdmin);
  asker->host = "localhost";
  asker->begin("POST", "/api/v1/config/reload");
  town.run();
  asker->close();
  town.run();
  town.files.hold(false);
  town.settle();
  EXPECT_EQ(town.in_force(), "2");
}

// ---- those that it names

struct Secrets : Town {
  static std::string yaml() {
    return "admin: {tokens: [{name: oncall, role: operator, file: /token}]}\n" +
           orders(
               ", headers: {response: {set: {x-secret: {file: /secret, prefix: 'is '}}}}, "
               "fallback: [{on: [500], respond: {body_file: /body}}]");
  }
  static Contents first() { return {{"/token", "t1\n"}, {"/secret", "s1\n"}, {"/body", "b1"}}; }
  Secrets() : Town(yaml(), first()), caller(*this) { origin(kAt); }

  void set(const std::string& path, const std::string& bytes) {
    files.set(path, bytes);
    settle();
  }
  void settle() { pass_ms(2 * app::NamedFiles::kTogetherMs); }
  std::string secret() { return caller.get().field("x-secret"); }
  std::string body() {
    origin(kAt).script = {answers(500)};
    return caller.get().body;
  }
  int ask_with(const std::string& token) {
    Caller admin(*this, kAdmin);
    admin.host = "localhost";
    return admin.get("/api/v1/services", "Authorization: Bearer " + token + "\r\n").status();
  }

  Caller caller;
};

TEST(ReloadFiles, SecretsBodiesAndTokensAreRotatedWithoutAReload) {
  Secrets town;
  EXPECT_EQ(town.secret(), "is s1");
  EXPECT_EQ(town.body(), "b1");
  EXPECT_EQ(town.ask_with("t1"), 200);
  town.set("/secret", "s2");
  town.set("/body", "b2");
  town.set("/token", "t2");
  EXPECT_EQ(town.secret(), "is s2");
  EXPECT_EQ(town.body(), "b2");
  EXPECT_EQ(town.ask_with("t1"), 401);
  EXPECT_EQ(town.ask_with("t2"), 200);
  EXPECT_FALSE(town.caller.is_over());
}

TEST(ReloadFiles, OneThatVanishesKeepsItsLastContent) {
  Secrets town;
  for (const auto& [path, bytes] : Secrets::first()) town.files.remove(path);
  town.settle();
  EXPECT_EQ(town.secret(), "is s1");
  EXPECT_EQ(town.body(), "b1");
  EXPECT_EQ(town.ask_with("t1"), 200);
  EXPECT_EQ(metric(town, "outrigger_files_failing"), 3);
  EXPECT_EQ(metric(town, "outrigger_file_errors_total"), 3);
  // Nor does another configuration need it.
  town.take("unmatched: refuse\n" + Secrets::yaml());
  EXPECT_EQ(town.secret(), "is s1");
  town.set("/secret", "s2");
  EXPECT_EQ(town.secret(), "is s2");
  EXPECT_EQ(metric(town, "outrigger_files_failing"), 2);
}

TEST(ReloadFiles, AContentThatIsOfNoUseIsNotTaken) {
  Secrets town;
  town.set("/secret", "one\r\nx-injected: 1");
  EXPECT_EQ(town.secret(), "is s1");
  town.set("/token", "\n");
  EXPECT_EQ(town.ask_with("t1"), 200);
  EXPECT_EQ(metric(town, "outrigger_files_failing"), 2);
}

TEST(ReloadFiles, AFileThatIsNamedAnewIsReadBeforeAndRefusedWhereItIsNotThere) {
  const auto with = [](const std::string& path) {
    return "unmatched: refuse\n" +
           orders(",\n headers: {response: {set: {x-secret: {file: " + path + "}}}}");
  };
  Secrets town;
  const auto problems = town.reload(with("/other"));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(config::to_string(problems[0]), "town.yaml:3:46: /other: No such file or directory");
  EXPECT_EQ(town.secret(), "is s1");
  town.files.set("/other", "o1");
  town.take(with("/other"));
  EXPECT_EQ(town.secret(), "o1");
}

TEST(ReloadFiles, ASecretThatComesAfterTheConfigurationThatNamesItIsWaitedFor) {
  Secrets town;
  town.write("unmatched: refuse\n" +
             orders(", headers: {response: {set: {x-secret: {file: /late}}}}"));
  town.settle();
  EXPECT_EQ(town.secret(), "is s1");
  EXPECT_EQ(metric(town, "outrigger_config_last_reload_successful"), 0);
  town.set("/late", "l1");
  EXPECT_EQ(town.secret(), "l1");
  EXPECT_EQ(metric(town, "outrigger_config_last_reload_successful"), 1);
}

TEST(ReloadFiles, AnOverrideThatHidesAFileGivesItBack) {
  Secrets town;
  Caller admin(town, kAdmin);
  admin.host = "localhost";
  const std::string fields =
      "Authorization: Bearer t1\r\nContent-Type: application/merge-patch+json\r\n";
  EXPECT_EQ(
      admin.ask("PATCH", "/api/v1/circuits/orders?ttl=10s", fields, "{\"probes\": 2}").status(),
      200);
  town.set("/body", "b2");
  town.pass_ms(11'000);
  EXPECT_EQ(town.body(), "b2");
}

}  // namespace
}  // namespace outrigger::testing
