#pragma once
// What the language has but this version has not: keys and values that are refused by name, so that
// nothing is ever accepted and ignored. Data for the reader and for printing.

#include <span>
#include <string_view>

namespace outrigger::config {

struct Later {
  std::string_view section;  // the map it stands in (`service`, `retry`), or the key of a value
  std::string_view name;     // the key, or the value
  std::string_view neutral;  // written just so it asks for nothing and is accepted; empty: never
};

std::span<const Later> later();
const Later* find_later(std::string_view section, std::string_view name);

}  // namespace outrigger::config
