#include "config/later.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A file that has `name` in the map that `section` names, with `value`; empty: not a key.
std::string file_with(const Later& later, const std::string& value) {
  const std::string key = std::string(later.name) + ": " + value;
  const std::string_view section = later.section;
  if (section == "config") return key;
  if (section == "admin" || section == "metrics" || section == "memory" || section == "tracing") {
    return std::string(section) + ": {" + key + "}";
  }
  if (section == "listener") return "listeners: [{" + key + "}]";
  if (section == "listener limits") return "listeners: [{limits: {" + key + "}}]";
  const std::string service = "services: {a: {";
  if (section == "service") return service + key + "}}";
  if (section == "endpoints") return service + "endpoints: {" + key + "}}}";
  if (section == "endpoint") {
    return service + "endpoints: {static: [{address: \"10.0.0.1:1\", " + key + "}]}}}";
  }
  if (section == "dns") return service + "endpoints: {dns: {" + key + "}}}}";
  if (section == "pool" || section == "retry" || section == "limits") {
    return service + std::string(section) + ": {" + key + "}}}";
  }
  if (section == "fallback") return service + "fallback: [{omit: no_content, " + key + "}]}}";
  if (section == "respond") return service + "fallback: [{respond: {" + key + "}}]}}";
  if (section == "route") return service + "routes: [{" + key + "}]}}";
  if (section == "match") return service + "routes: [{match: {" + key + "}}]}}";
  if (section == "omit") return service + "fallback: [{omit: " + std::string(later.name) + "}]}}";
  if (section == "filters") return "listeners: [{filters: [" + std::string(later.name) + "]}]";
  ADD_FAILURE() << "no file for " << section;
  return {};
}

TEST(Later, EveryKeyAndValueIsRefusedByName) {
  for (const Later& later : later()) {
    const std::string text = file_with(later, "{x: 1}");
    const std::string said = "\"" + std::string(later.name) + "\" is not in this version";
    EXPECT_THAT(mistakes(text), ElementsAre(testing::EndsWith(said))) << text;
  }
}

TEST(Later, WhatAsksForNothingIsAccepted) {
  for (const Later& later : later()) {
    if (later.neutral.empty()) continue;
    const std::string text = file_with(later, std::string(later.neutral));
    EXPECT_THAT(mistakes(text), IsEmpty()) << text;
  }
}

TEST(Later, SaysWhere) {
  EXPECT_THAT(mistakes("services:\n  a:\n    fault: {delay: 1s}\n    mirror: off\n"),
              ElementsAre("f:3:5: \"fault\" is not in this version"));
  EXPECT_THAT(mistakes("listeners: [{filters: {without: [fault]}}]"),
              ElementsAre("f:1:34: \"fault\" is not in this version"));
  EXPECT_THAT(mistakes("defaults: {mirror: on}"),
              ElementsAre("f:1:12: \"mirror\" is not in this version"));
}

TEST(Later, FalseIsOffToo) {
  EXPECT_THAT(mistakes("services: {a: {fault: false, mirror: false}}"), IsEmpty());
}

TEST(Later, AnEmptyMapIsNotOff) {
  EXPECT_THAT(mistakes("services: {a: {fault: {}}}"),
              ElementsAre("f:1:16: \"fault\" is not in this version"));
  EXPECT_THAT(mistakes("profiles: {}"), IsEmpty());
}

}  // namespace
}  // namespace outrigger::config::test
