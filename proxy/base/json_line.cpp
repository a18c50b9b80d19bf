#include "proxy/base/json_line.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "proxy/base/utf8.hpp"

namespace outrigger {
namespace {

void append_escape(std::string& to, unsigned char c) {
  std::array<char, 8> text;
  std::snprintf(text.data(), text.size(), "\\u%04x", c);
  to += text.data();
}

}  // namespace

void append_json_string(std::string& to, std::string_view value) {
  to.push_back('"');
  while (!value.empty()) {
    const auto c = static_cast<unsigned char>(value.front());
    const size_t length = utf8_length(value);
    // U+0080 to U+009F: some terminals take U+009B for the start of an escape sequence.
    const bool second_controls =
        length == 2 && c == 0xc2 && static_cast<unsigned char>(value[1]) < 0xa0;
    if (c == '"' || c == '\\') {
      to.push_back('\\');
      to.push_back(static_cast<char>(c));
    } else if (c < 0x20 || c == 0x7f || length == 0) {
      append_escape(to, c);
    } else if (second_controls) {
      append_escape(to, static_cast<unsigned char>(value[1]));
    } else {
      to.append(value.substr(0, length));
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  to.push_back('"');
}

void JsonLine::key(std::string_view name) {
  if (x_text.size() > 1) x_text.push_back(',');
  x_text.push_back('"');
  x_text.append(name);
  x_text.append("\":");
}

void JsonLine::add(std::string_view name, std::string_view value) {
  key(name);
  append_json_string(x_text, value);
}

void JsonLine::add(std::string_view name, int64_t value) {
  key(name);
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  x_text.append(text.data(), end);
}

void JsonLine::add_number(std::string_view name, double value) {
  key(name);
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3f", value);
  x_text.append(text.data());
}

std::string iso_time(int64_t wall_ms) {
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 96> text;  // whatever the fields hold, as the compiler sees it
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<int>(wall_ms % 1000));
  return text.data();
}

}  // namespace outrigger
