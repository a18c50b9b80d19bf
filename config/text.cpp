#include "config/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include "proxy/base/address.hpp"

namespace outrigger::config {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 4> kDurationUnits = {Unit{"h", 3'600'000}, Unit{"m", 60'000},
                                                Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array<Unit, 4> kSizeUnits = {Unit{"GiB", 1 << 30}, Unit{"MiB", 1 << 20},
                                            Unit{"KiB", 1 << 10}, Unit{"B", 1}};
constexpr std::array<Unit, 3> kRateUnits = {Unit{"/s", 3'600}, Unit{"/m", 60}, Unit{"/h", 1}};
constexpr double kMaxRatePerH = 3.6e9;
constexpr double kMaxDurationMs = 10.0 * 365 * 24 * 3'600'000;
constexpr double kMaxSizeBytes = 1024.0 * (1 << 30);

// A plain non-negative decimal and what follows it.
std::optional<std::pair<double, std::string_view>> split_unit(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (digits == 0 || text[0] == '.' || error != std::errc() || end != text.data() + digits) {
    return std::nullopt;
  }
  return std::pair{value, text.substr(digits)};
}

std::optional<double> parse_units(std::string_view text, std::span<const Unit> units) {
  if (text == "0") return 0;
  const auto split = split_unit(text);
  if (!split) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name == split->second) return split->first * unit.factor;
  }
  return std::nullopt;
}

bool is_label(std::string_view label) {
  const auto inner = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), inner);
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  const bool leading_zero = digits.size() > 1 && digits[0] == '0' && digits[1] != '.' &&
                            digits[1] != 'e' && digits[1] != 'E';
  if (digits.empty() || digits[0] < '0' || digits[0] > '9' || digits.back() == '.' ||
      leading_zero || text.find(".e") != std::string_view::npos ||
      text.find(".E") != std::string_view::npos) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> parse_duration_ms(std::string_view text) {
  const auto ms = parse_units(text, kDurationUnits);
  return ms && *ms <= kMaxDurationMs ? ms : std::nullopt;
}

std::string format_duration(double ms) {
  if (ms == 0) return "0s";
  if (ms > 1'000 && ms < 60'000 && std::fmod(ms, 1'000) != 0 && std::fmod(ms, 100) == 0) {
    return format_number(ms / 1'000) + "s";
  }
  for (const Unit& unit : kDurationUnits) {
    if (std::fmod(ms, unit.factor) == 0) return format_number(ms / unit.factor) + unit.name.data();
  }
  return format_number(ms) + "ms";
}

std::optional<int64_t> parse_size(std::string_view text) {
  const auto bytes = parse_units(text, kSizeUnits);
  if (!bytes || *bytes > kMaxSizeBytes || std::floor(*bytes) != *bytes) return std::nullopt;
  return static_cast<int64_t>(*bytes);
}

std::string format_size(int64_t bytes) {
  for (const Unit& unit : kSizeUnits) {
    const auto factor = static_cast<int64_t>(unit.factor);
    if (bytes != 0 && bytes % factor == 0) return std::to_string(bytes / factor) + unit.name.data();
  }
  return "0B";
}

// The decimal point is moved in the text: a division would round once more.
std::optional<int64_t> parse_rate(std::string_view text) {
  const auto per_h = parse_units(text, kRateUnits);
  const bool good = per_h && *per_h >= 1 && *per_h <= kMaxRatePerH && std::floor(*per_h) == *per_h;
  return good ? std::optional(static_cast<int64_t>(*per_h)) : std::nullopt;
}

std::string format_rate(int64_t per_h) {
  for (const Unit& unit : kRateUnits) {
    const auto factor = static_cast<int64_t>(unit.factor);
    if (per_h % factor == 0) return std::to_string(per_h / factor) + unit.name.data();
  }
  return {};
}

std::optional<double> parse_share(std::string_view text) {
  const auto split = split_unit(text);
  if (!split || split->second != "%") return std::nullopt;
  const std::string shifted = std::string(text.substr(0, text.size() - 1)) + "e-2";
  double share = 0;
  std::from_chars(shifted.data(), shifted.data() + shifted.size(), share);
  return share;
}

std::string format_share(double share) {
  std::string digits = format_number(share);
  size_t point = std::min(digits.find('.'), digits.size());
  if (point < digits.size()) digits.erase(point, 1);
  point += 2;
  while (digits.size() < point) digits += '0';
  if (digits.size() > point) digits.insert(point, ".");
  const size_t first = digits.find_first_not_of('0');
  const size_t keep = point - 1;  // one digit before the point
  return digits.substr(std::min(first, keep)) + '%';
}

std::string format_number(double value) {
  std::array<char, 64> digits{};
  const auto result =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  return {digits.data(), result.ptr};
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
}

bool is_zone(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isgraph(static_cast<unsigned char>(c)) != 0;
  });
}

bool is_dns_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_ip(std::string_view text) {
  if (const auto address = Address::parse(text)) return address->is_ip();
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  return static_cast<bool>(Address::from_ip(text, 0));
}

bool is_host_pattern(std::string_view text) {
  if (is_ip(text)) return true;
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    const auto port = parse_integer(text.substr(colon + 1));
    if (!port || *port < 1 || *port > 65'535) return false;
    text = text.substr(0, colon);
  }
  return is_dns_name(text);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr size_t kMaxWord = 64;
  if (word.size() > kMaxWord) return {};
  size_t best = std::max<size_t>(1, word.size() / 3) + 1;
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    // Optimal string alignment: edits, and swaps of neighbours as one.
    std::vector<std::vector<size_t>> d(word.size() + 1, std::vector<size_t>(candidate.size() + 1));
    for (size_t i = 0; i <= word.size(); ++i) d[i][0] = i;
    for (size_t j = 0; j <= candidate.size(); ++j) d[0][j] = j;
    for (size_t i = 1; i <= word.size(); ++i) {
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t cost = word[i - 1] == candidate[j - 1] ? 0 : 1;
        d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1]) {
          d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    if (d[word.size()][candidate.size()] < best) {
      best = d[word.size()][candidate.size()];
      found = candidate;
    }
  }
  return found;
}

bool is_version_bound(std::string_view text) {
  if (!text.starts_with(">=")) return false;
  text.remove_prefix(2);
  int numbers = 0;
  for (bool more = true; more; ++numbers) {
    constexpr size_t kDigitsMax = 6;
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > kDigitsMax) return false;
    text.remove_prefix(digits);
    more = text.starts_with('.');
    if (more) text.remove_prefix(1);
  }
  return text.empty() && (numbers == 2 || numbers == 3);
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

}  // namespace outrigger::config
