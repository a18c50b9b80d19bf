// Several files and folders, profiles, and files that are for a newer binary.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/texts.hpp"
#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Loaded of(const Texts& texts) { return load_texts(texts, no_environment()); }

TEST(SeveralFiles, MergeInOrderAndKeepTheirPlaces) {
  const Loaded loaded = of({{"a", std::string("services:\n"
                                              "  x: {retry: {on: [503], attempts: 2}}\n")},
                            {"b", std::string("services:\n"
                                              "  x:\n"
                                              "    retry: {on: [connect]}\n"
                                              "  y: {}\n")}});
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  ASSERT_EQ(loaded.config.services.size(), 2U);
  EXPECT_EQ(loaded.config.services[0].policy.retry->attempts, 2);
  EXPECT_THAT(loaded.config.services[0].policy.retry->on.statuses, IsEmpty());
  EXPECT_EQ(where(loaded, {"x", ""}, "retry.attempts"), (Place{"a", 2, 26}));
  EXPECT_EQ(where(loaded, {"x", ""}, "retry.on"), (Place{"b", 3, 13}));
}

TEST(SeveralFiles, SayTheirMistakesFileByFile) {
  const Loaded loaded = of({{"a", std::string("servces: {}\n\nunmatched: maybe")},
                            {"b", failure(std::string("b: Permission denied"))},
                            {"c", std::string("worker: 1")},
                            {"d", std::string(" \n")}});
  EXPECT_THAT(texts(loaded.problems),
              ElementsAre(HasSubstr("a:1:1: unknown key \"servces\""), HasSubstr("a:3:12: "),
                          HasSubstr("c:1:1: "), "d:1:1: the file is empty",
                          "b: cannot be read: Permission denied"));
}

TEST(SeveralFiles, FiftyMistakesAreSaidAtOnce) {
  std::string text = "services:\n";
  for (int i = 0; i < 50; ++i) text += "  s" + std::to_string(i) + ": {nothing: 1}\n";
  const auto said = mistakes(text);
  ASSERT_EQ(said.size(), 50U);
  EXPECT_THAT(said[49], HasSubstr("f:51:"));
}

TEST(SeveralFiles, AFolderIsItsYamlFilesByName) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "outrigger_several_files";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "sub.yaml");
  const auto put = [&](const std::string& name) { std::ofstream(folder / name) << "x-: " << name; };
  EXPECT_THAT(texts(of(read_texts({folder.string() + "/"})).problems), testing::SizeIs(1));
  std::filesystem::remove(folder / "sub.yaml");
  EXPECT_THAT(texts(of(read_texts({folder.string() + "/"})).problems),
              ElementsAre(HasSubstr("the folder holds no .yaml file")));
  for (const char* name : {"b.yml", "a.yaml", ".c.yaml", "d.json", "..data"}) put(name);
  const Texts found = read_texts(with_slashes({folder.string()}));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].path, folder.string() + "/a.yaml");
  EXPECT_EQ(*found[1].text, "x-: b.yml");
  EXPECT_THAT(of(read_texts({folder.string() + "/none/"})).problems[0].what,
              HasSubstr("cannot be read"));
  std::filesystem::remove_all(folder);
}

TEST(SeveralFiles, HashesTellPathsAndBytesApart) {
  const Texts one{{"a", std::string("bc")}};
  EXPECT_EQ(hash_of(one), hash_of({{"a", std::string("bc")}}));
  EXPECT_NE(hash_of(one), hash_of({{"ab", std::string("c")}}));
  EXPECT_NE(hash_of(one), hash_of({{"a", std::string("bd")}}));
  EXPECT_NE(hash_of(one), hash_of({{"a", failure(std::string("bd"))}}));
}

TEST(Profiles, StandBetweenDefaultsAndTheService) {
  const Loaded loaded = load_text("f", R"(defaults: {timeout: {connect: 2s, request: 3s, idle: 4s}}
profiles:
  slow: {timeout: {request: 30s, idle: 40s}, circuit: off}
services:
  a: {profile: slow, timeout: {idle: 50s}}
  b: {}
)",
                                  no_environment());
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  const Policy& a = loaded.config.services[0].policy;
  EXPECT_EQ(a.timeout.connect_ms, 2'000);
  EXPECT_EQ(a.timeout.request_ms, 30'000);
  EXPECT_EQ(a.timeout.idle_ms, 50'000);
  EXPECT_FALSE(a.circuit);
  EXPECT_EQ(loaded.config.services[1].policy.timeout.request_ms, 3'000);
  EXPECT_EQ(where(loaded, {"a", ""}, "timeout.request"), (Place{"f", 3, 20}));
  EXPECT_EQ(where(loaded, {"a", ""}, "timeout.connect"), (Place{"f", 1, 22}));
}

TEST(Profiles, MayHaveRoutesAndEndpoints) {
  const ServiceConfig a = only_service(R"(
profiles: {p: {endpoints: {static: ['10.0.0.1:80']}, routes: [{name: r, timeout: {request: 9s}}]}}
services: {a: {profile: p, timeout: {connect: 2s}}}
)");
  EXPECT_EQ(a.endpoints.endpoints.size(), 1U);
  ASSERT_EQ(a.routes.size(), 1U);
  EXPECT_EQ(a.routes[0].policy.timeout.request_ms, 9'000);
  EXPECT_EQ(a.routes[0].policy.timeout.connect_ms, 2'000);
}

TEST(Profiles, HaveTheirMistakesSaid) {
  constexpr Case kCases[] = {
      {"profiles: {slow: {timeout: {request: 1s}}}\nservices: {a: {profile: slwo}}",
       "f:2:25: unknown profile \"slwo\"; did you mean \"slow\"?"},
      {"services: {a: {profile: slow}}", "f:1:25: unknown profile \"slow\"; there is none"},
      {"profiles: {p: {timeout: {request: soon}}}",
       "f:1:35: \"request\" is \"soon\", not a duration; "
       "write it like 250ms, 2s or 5m"},
      {"profiles: {p: {profile: q}}",
       "f:1:16: \"profile\" does not belong in a profile; a service has one"},
      {"profiles: {p: 1}", "f:1:15: \"p\" is \"1\", not a map; write {timeout: {request: 5s}}"},
      {"defaults: {profile: p}",
       "f:1:12: \"profile\" does not belong in \"defaults\"; write it in each service"},
      {"services: {a: {routes: [{profile: p}]}}",
       "f:1:26: \"profile\" cannot differ in a route; make it a service with the same endpoints"},
  };
  expect_each(kCases);
}

TEST(Requires, ANewerVersionIsAllThatIsSaid) {
  EXPECT_THAT(mistakes("keys: of later versions\nrequires: '>=99.1'\n"),
              ElementsAre(testing::StartsWith("f:2:11: this file requires >=99.1, and this is ")));
  EXPECT_THAT(
      texts(of({{"a", std::string("requires: '>=99.1.2'")}, {"b", std::string("requires: off")}})
                .problems),
      ElementsAre(HasSubstr("a:1:11: this file requires")));
}

TEST(Requires, ThisVersionIsEnough) {
  EXPECT_EQ(good("requires: '>=0.1'").required, ">=0.1");
  EXPECT_EQ(good("requires: off").required, std::nullopt);
  EXPECT_THAT(effective(good("requires: '>=0.0.9'")), HasSubstr("requires: \">=0.0.9\""));
  EXPECT_THAT(mistakes("requires: '1.4'"),
              ElementsAre("f:1:11: \"requires\" is \"1.4\", not a version; write \">=1.4\""));
}

TEST(Unexpanded, NothingIsKnownOfAValueWithAVariable) {
  const Loaded loaded = load_unexpanded("f",
                                        "workers: ${WORKERS}\n"
                                        "services:\n"
                                        "  a: {endpoints: {static: ['10.0.0.1:${PORT:-x}']}}\n"
                                        "  b: {retry: {attempts: '${A}', atempts: 1}}\n"
                                        "unmatched: ${UN\n");
  EXPECT_THAT(texts(loaded.problems), ElementsAre(HasSubstr("f:4:33: unknown key \"atempts\""),
                                                  HasSubstr("f:5:12: \"${\" has no closing")));
}

}  // namespace
}  // namespace outrigger::config::test
