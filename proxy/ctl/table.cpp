#include "proxy/ctl/table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "proxy/base/json_line.hpp"

namespace outrigger::ctl {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

std::string_view code_of(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kPlain:
      break;
  }
  return {};
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// In code points, as good as columns for what names and reasons hold.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

std::string shown(const Cell& cell) { return cell.text.empty() ? "-" : harmless(cell.text); }

// A line of cells; the last one is not padded.
void append_line(std::string& out, const std::vector<Cell>& cells,
                 const std::vector<size_t>& widths, bool colour) {
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string text = shown(cells[i]);
    out += painted(text, cells[i].tone, colour);
    if (i + 1 < cells.size()) out.append(widths[i] - width_of(text) + 2, ' ');
  }
  out += '\n';
}

}  // namespace

std::string Table::text(bool colour) const {
  const std::vector<Cell> heads(x_heads.begin(), x_heads.end());
  std::vector<size_t> widths;
  for (size_t column = 0; column < heads.size(); ++column) {
    size_t width = width_of(heads[column].text);
    for (const auto& row : x_rows) width = std::max(width, width_of(shown(row[column])));
    widths.push_back(width);
  }
  std::string out;
  append_line(out, heads, widths, colour);
  for (const auto& row : x_rows) append_line(out, row, widths, colour);
  return out;
}

std::string painted(std::string_view text, Tone tone, bool colour) {
  const std::string_view code = colour ? code_of(tone) : std::string_view();
  if (code.empty()) return std::string(text);
  return std::string(code).append(text).append(kReset);
}

// C1 control characters are two bytes in UTF-8: C2, then 80 to 9F.
std::string harmless(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    if (byte < 0x20 || byte == 0x7F) {
      out += '?';
    } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {
      out += '?';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string short_time(int64_t ms) {
  struct Unit {
    int64_t ms;
    const char* name;
  };
  constexpr auto kUnits = std::to_array<Unit>(
      {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}});
  for (const Unit& unit : kUnits) {
    if (ms >= unit.ms) return std::to_string(ms / unit.ms) + unit.name;
  }
  return "0s";
}

std::optional<int64_t> wall_ms_of(std::string_view iso_time) {
  std::tm utc{};
  int ms = 0;
  const std::string text(iso_time);
  const int read =
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3d", &utc.tm_year, &utc.tm_mon,
                  &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &ms);
  constexpr int kWithoutMs = 6;
  if (read < kWithoutMs) return std::nullopt;
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  return static_cast<int64_t>(::timegm(&utc)) * 1000 + ms;
}

std::string clock_time(int64_t wall_ms, int64_t now_ms) {
  constexpr size_t kDate = 10;
  const std::string at = iso_time(wall_ms).substr(0, kDate + 9);
  const bool is_today = iso_time(now_ms).starts_with(at.substr(0, kDate));
  return (is_today ? at.substr(kDate + 1) : at) + "Z";
}

std::string percent(double share) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f%%", share * 100);
  return text.data();
}

}  // namespace outrigger::ctl
