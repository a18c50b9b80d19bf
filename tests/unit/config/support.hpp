#pragma once
// Short ways to load a text in these tests. The file is called `f`, and no environment variable is
// set unless the test says so.

#include <map>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.hpp"

namespace outrigger::config::test {

inline Environment no_environment() {
  return [](const std::string&) { return std::nullopt; };
}

inline Environment environment(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

inline std::vector<std::string> texts(const std::vector<Problem>& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems) lines.push_back(to_string(problem));
  return lines;
}

inline std::vector<std::string> mistakes(std::string_view text) {
  return texts(load_text("f", text, no_environment()).problems);
}

// A text and the one thing that is wrong with it.
struct Case {
  std::string_view text;
  std::string_view problem;
};

inline void expect_each(std::span<const Case> cases) {
  for (const Case& one : cases) {
    EXPECT_THAT(mistakes(one.text), testing::ElementsAre(one.problem)) << one.text;
  }
}

// A configuration that has no mistake; if it has, the test that asked fails by the message.
inline Config good(std::string_view text) {
  const Loaded loaded = load_text("f", text, no_environment());
  EXPECT_THAT(texts(loaded.problems), testing::IsEmpty());
  return loaded.config;
}

inline ServiceConfig only_service(std::string_view text) {
  const Config config = good(text);
  EXPECT_EQ(config.services.size(), 1U);
  return config.services.empty() ? ServiceConfig{} : config.services[0];
}

// One more override, of one section or, where it is empty, of all of them: a JSON object.
inline Loaded apply_override(const Loaded& loaded, const Target& target, std::string_view section,
                             std::string_view json) {
  std::vector<Problem> problems;
  Node policy = parse_json(json, problems);
  EXPECT_THAT(texts(problems), testing::IsEmpty());
  if (!section.empty()) {
    Node whole = Node::map();
    whole.set(section, std::move(policy));
    policy = std::move(whole);
  }
  std::vector<Override> overrides = loaded.document.overrides;
  overrides.push_back({target.service, target.route, std::move(policy)});
  return with_overrides(loaded, std::move(overrides));
}

}  // namespace outrigger::config::test
