// The log of the process: one line each to standard error, text on a terminal and JSON otherwise.
// The same failure again and again is one line at once, then one summary each 10 s with its count.
// Any thread; never on the path of a call that goes well.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/line_sink.hpp"

namespace outrigger::log {

enum class Level : uint8_t { kDebug, kInfo, kWarning, kError };
enum class Format : uint8_t { kAuto, kText, kJson };

void set_format(Format format);
void set_level(Level level);
Level level();
std::string_view to_string(Level level);
std::optional<Level> level_from(std::string_view name);

// Sends all lines to `sink` while it lives, so that nobody waits for whoever reads standard error.
// Without one a line is written at once, by whoever logs it.
class To {
 public:
  explicit To(LineSink& sink);
  ~To();
  To(const To&) = delete;
  To& operator=(const To&) = delete;
};

// Left out of the line when the value is empty.
struct Field {
  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, int64_t number) : key(name), value(std::to_string(number)) {}

  std::string_view key;
  std::string value;
};
using FieldList = std::initializer_list<Field>;

void debug(std::string_view message, FieldList fields = {});
void info(std::string_view message, FieldList fields = {});
void warning(std::string_view message, FieldList fields = {});
void error(std::string_view message, FieldList fields = {});

// For what a peer or a broken disk can make happen a thousand times a second: lines with the same
// `message` and first field count as one failure.
void repeated(Level level, std::string_view message, FieldList fields = {});

}  // namespace outrigger::log
