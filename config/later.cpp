#include "config/later.hpp"

#include <algorithm>
#include <array>

namespace outrigger::config {
namespace {

constexpr auto kLater = std::to_array<Later>({
    {"memory", "idempotency", ""},   {"tracing", "sample", "0%"},
    {"tracing", "export", "off"},    {"filters", "idempotency", ""},
    {"filters", "mirror", ""},       {"filters", "rate_limit", ""},
    {"filters", "fault", ""},        {"service", "mirror", "off"},
    {"service", "fault", "off"},     {"service", "idempotency", "off"},
    {"retry", "hedge_after", "off"}, {"limits", "rate", "off"},
    {"limits", "burst", "off"},      {"limits", "rate_wait", "off"},
    {"limits", "rate_share", "off"}, {"limits", "on_429", "pass"},
    {"limits", "adaptive", "off"},   {"fallback", "later", "off"},
    {"route", "mirror", "off"},      {"route", "fault", "off"},
    {"route", "idempotency", "off"},
});

}  // namespace

std::span<const Later> later() { return kLater; }

const Later* find_later(std::string_view section, std::string_view name) {
  const auto found = std::find_if(kLater.begin(), kLater.end(), [&](const Later& candidate) {
    return candidate.section == section && candidate.name == name;
  });
  return found == kLater.end() ? nullptr : &*found;
}

}  // namespace outrigger::config
