// A Head is the start line and the fields of a message, as peers of the simulation read and write
// them, whatever version carried it. Plain data; header only.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::sim {

using FieldList = std::vector<std::pair<std::string, std::string>>;

struct Head {
  std::string start;  // the first line, as in HTTP/1
  FieldList fields;   // names in lower case

  // Empty when there is none.
  std::string_view field(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) return value;
    }
    return {};
  }
  bool has(std::string_view name) const { return count(name) > 0; }
  int64_t count(std::string_view name) const {
    return std::count_if(fields.begin(), fields.end(),
                         [&](const auto& item) { return item.first == name; });
  }
  // Of a field whose value is a number, or begins with one; 0 when there is none.
  uint64_t number(std::string_view name) const {
    const std::string_view text = field(name);
    uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  // Of a response; 0: its start line is none.
  int status() const {
    constexpr size_t kAt = 9;  // behind "HTTP/1.1 "
    int value = 0;
    if (!start.starts_with("HTTP/") || start.size() < kAt + 3) return 0;
    const auto [end, error] = std::from_chars(start.data() + kAt, start.data() + kAt + 3, value);
    return error == std::errc{} && end == start.data() + kAt + 3 ? value : 0;
  }
};

}  // namespace outrigger::sim
