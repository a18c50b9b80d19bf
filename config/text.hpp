#pragma once
// What the scalars of the file look like: durations, sizes, shares, host patterns, and
// the nearest of some words. Pure functions on text; nothing here knows keys or files.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::config {

std::optional<double> parse_number(std::string_view text);    // JSON's numbers
std::optional<int64_t> parse_integer(std::string_view text);  // decimal, optional minus

// `250ms` `2.5s` `5m` `24h`, and plain `0`. Milliseconds, at most ten years.
std::optional<double> parse_duration_ms(std::string_view text);
std::string format_duration(double ms);

// `512B` `64KiB` `1.5MiB` `2GiB`, and plain `0`. Whole bytes, at most 1 TiB.
std::optional<int64_t> parse_size(std::string_view text);
std::string format_size(int64_t bytes);

// `100/s` `500/m` `1000/h`. So many an hour, a whole number from 1 on; at most a million a second.
std::optional<int64_t> parse_rate(std::string_view text);
std::string format_rate(int64_t per_h);

// `50%` is 0.5; format_share() writes what parse_share() reads back to the same value.
std::optional<double> parse_share(std::string_view text);
std::string format_share(double share);

std::string format_number(double value);
std::string to_lower(std::string_view text);  // ASCII
bool is_token(std::string_view text);         // RFC 9110 section 5.6.2
bool is_name(std::string_view text);          // letters, digits, `-` `_` `.`; at most 128
bool is_zone(std::string_view text);          // no blanks; at most 128
bool is_dns_name(std::string_view text);      // labels as in RFC 1123, `_` allowed; at most 253

// `10.0.0.1`, `::1`, `[::1]`, the first and the last also with a port.
bool is_ip(std::string_view text);

// `name`, `*.suffix`, an IP, each with an optional port.
bool is_host_pattern(std::string_view text);

// The candidate that was most likely meant, or empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// `>=1.4` or `>=1.4.2`.
bool is_version_bound(std::string_view text);

// Whether a field may have this value: no control characters but the tab.
bool is_field_value(std::string_view text);

}  // namespace outrigger::config
