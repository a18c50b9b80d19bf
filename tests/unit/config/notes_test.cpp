#include "config/notes.hpp"

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

std::vector<std::string> notes_of(std::string_view text) {
  const Loaded loaded = load_text("f", text, no_environment());
  EXPECT_THAT(texts(loaded.problems), testing::IsEmpty());
  return texts(notes(loaded));
}

TEST(Notes, ThereAreNoneWhereTheKeySaysWhoAsks) {
  EXPECT_THAT(notes_of("services:\n  a:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n"),
              testing::IsEmpty());
  EXPECT_THAT(notes_of("services:\n  a:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n"
                       "    cache: { key: [Authorization, accept, cookie] }\n"),
              testing::IsEmpty());
  EXPECT_THAT(notes_of("services:\n  a:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n"
                       "    cache: off\n"),
              testing::IsEmpty());
}

TEST(Notes, AKeyThatDoesNotSayWhoAsksIsNamedWithItsPlace) {
  EXPECT_THAT(notes_of("services:\n  a:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n"
                       "    cache: { key: [accept] }\n"),
              testing::ElementsAre(
                  "f:4:14: \"key\" is without \"authorization\" or \"cookie\": answers to requests "
                  "that carry it are not stored (RFC 9111 section 3.5)"));
  EXPECT_THAT(notes_of("services:\n  a:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n"
                       "    cache: { key: [authorization] }\n"),
              testing::ElementsAre(testing::HasSubstr("is without \"cookie\": ")));
}

TEST(Notes, WhatStandsInDefaultsIsSaidOnce) {
  EXPECT_THAT(notes_of("defaults:\n  cache: { key: [] }\nservices:\n"
                       "  a:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n"
                       "  b:\n    endpoints: { static: [\"10.0.0.1:80\"] }\n"),
              testing::ElementsAre(testing::StartsWith("f:2:12: ")));
}

}  // namespace
}  // namespace outrigger::config::test
