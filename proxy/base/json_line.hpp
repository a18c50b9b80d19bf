// Writes one JSON object on one line, field by field, into a string that it reuses. For log lines
// only: it escapes what could break a line or a terminal (control characters, quotes, bytes that
// are not UTF-8), so nothing a peer sends forges a second line. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger {

class JsonLine {
 public:
  void begin() { x_text.assign(1, '{'); }
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, int64_t value);
  void add_number(std::string_view key, double value);
  // Leaves the field out when it is empty.
  void add_if(std::string_view key, std::string_view value) {
    if (!value.empty()) add(key, value);
  }
  std::string_view end() {
    x_text.push_back('}');
    return x_text;
  }

 private:
  void key(std::string_view name);
  std::string x_text;
};

// Appends `value` in quotes, escaped.
void append_json_string(std::string& to, std::string_view value);

// "2026-11-24T05:00:00.123Z"
std::string iso_time(int64_t wall_ms);

}  // namespace outrigger
