// Text for people in a shell: columns that are aligned, tones that become colours on a terminal,
// times in words. What peers wrote goes in as it came, and comes out without anything that a
// terminal would obey. Pure functions and values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::ctl {

enum class Tone : uint8_t { kPlain, kGood, kWarning, kBad };

struct Cell {
  Cell(std::string text_of_it, Tone tone_of_it = Tone::kPlain)
      : text(std::move(text_of_it)), tone(tone_of_it) {}
  Cell(const char* text_of_it) : text(text_of_it) {}

  std::string text;  // empty: shown as "-"
  Tone tone = Tone::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<std::string> heads) : x_heads(std::move(heads)) {}

  // Requires: as many cells as heads.
  void add(std::vector<Cell> row) { x_rows.push_back(std::move(row)); }
  bool empty() const { return x_rows.empty(); }
  // Two blanks between columns, none at the end of a line.
  std::string text(bool colour) const;

 private:
  const std::vector<std::string> x_heads;
  std::vector<std::vector<Cell>> x_rows;
};

std::string painted(std::string_view text, Tone tone, bool colour);
// Control characters become "?".
std::string harmless(std::string_view text);

// "250ms", "45s", "8m", "3h", "2d": the largest unit that fits, rounded down.
std::string short_time(int64_t ms);
// Of "2026-11-24T05:00:00.123Z", in milliseconds since 1970; nothing: it is none.
std::optional<int64_t> wall_ms_of(std::string_view iso_time);
// "10:24:03Z", with the date before it where that is not `now_ms`'s.
std::string clock_time(int64_t wall_ms, int64_t now_ms);
std::string percent(double share);  // "0.4%"

}  // namespace outrigger::ctl
