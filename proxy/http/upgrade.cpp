#include "proxy/http/upgrade.hpp"

#include <algorithm>

#include "proxy/http/fields.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

std::string_view name_of(std::string_view protocol) {
  return protocol.substr(0, protocol.find('/'));
}

bool is_protocol(std::string_view text) {
  const std::string_view name = name_of(text);
  return is_token(name) && (name.size() == text.size() || is_token(text.substr(name.size() + 1)));
}

// Nearly every list is kept or dropped as a whole.
template <class Keep>
std::string_view kept(std::string_view upgrade, Arena& arena, Keep keep) {
  bool all = true;
  for_each_element(upgrade, [&](std::string_view protocol) { all = all && keep(protocol); });
  if (all) return upgrade;
  char* const begin = arena.array<char>(upgrade.size());
  char* end = begin;
  for_each_element(upgrade, [&](std::string_view protocol) {
    if (!keep(protocol)) return;
    if (end != begin) *end++ = ',';
    end = std::copy(protocol.begin(), protocol.end(), end);
  });
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

bool is_of_one_hop(std::string_view protocol) {
  return same_name(name_of(protocol), "h2c") || same_name(name_of(protocol), "tls");
}

std::string_view carried_protocols(std::string_view upgrade, Arena& arena) {
  return kept(upgrade, arena, [](std::string_view protocol) {
    return is_protocol(protocol) && !is_of_one_hop(protocol);
  });
}

std::string_view carried_protocols(std::string_view upgrade, std::span<const std::string> names,
                                   Arena& arena) {
  return kept(upgrade, arena, [&](std::string_view protocol) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return same_name(name_of(protocol), name); });
  });
}

}  // namespace outrigger::http
