#include "proxy/chain/host_table.hpp"

#include <algorithm>
#include <array>

#include "proxy/base/address.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::chain {
namespace {

constexpr uint16_t kHttpPort = 80;
constexpr size_t kHostMax = 256;

using Text = std::array<char, kHostMax>;

// One spelling of each host: lower case and no final dot, an IPv6 address as Address writes it.
std::string_view normal_host(const http::Authority& authority, Text& text) {
  std::string_view host = authority.host;
  Address::IpText ip;
  if (authority.ipv6) {
    if (const auto address = Address::from_ip(host, 0)) host = address->ip_text(ip);
  }
  host = http::without_final_dot(host);
  std::transform(host.begin(), host.end(), text.begin(), http::to_lower);
  return {text.data(), host.size()};
}

}  // namespace

bool HostTable::add(std::string_view host, uint32_t value) {
  const bool suffix = host.starts_with("*.");
  const auto parsed = http::split_authority(suffix ? host.substr(2) : host);
  if (!parsed || parsed->host.size() >= kHostMax - 1 || parsed->host.starts_with('.')) return false;
  if (parsed->has_port && parsed->port == kAnyPort) return false;
  Text text;
  std::string name(normal_host(*parsed, text));
  if (suffix) name.insert(name.begin(), '.');
  const uint16_t port = parsed->has_port ? parsed->port : kAnyPort;
  Entry& entry = entry_of(name);
  for (const Claim& known : entry.claims) {
    if (known.port == port) return false;
  }
  entry.claims.push_back({port, value});
  if (suffix) x_suffix_bytes_max = std::max(x_suffix_bytes_max, name.size());
  return true;
}

std::optional<uint32_t> HostTable::find(std::string_view authority) const {
  const auto parsed = http::split_authority(authority);
  if (!parsed || parsed->host.size() > kHostMax || x_entries.empty()) return std::nullopt;
  const uint16_t port = parsed->has_port ? parsed->port : kHttpPort;
  Text text;
  const std::string_view host = normal_host(*parsed, text);
  if (host.starts_with('.')) return std::nullopt;
  if (const Claim* found = claim(host, port)) return found->value;
  // From the first dot at which a suffix of the table can begin.
  const size_t longest = std::min(x_suffix_bytes_max, host.size() - 1);
  size_t dot = host.find('.', host.size() - longest);
  for (; dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    if (const Claim* found = claim(host.substr(dot), port)) return found->value;
  }
  return std::nullopt;
}

const HostTable::Claim* HostTable::claim(std::string_view name, uint16_t port) const {
  const Entry* const entry = look_up(name);
  if (entry == nullptr) return nullptr;
  const Claim* any = nullptr;
  for (const Claim& claim : entry->claims) {
    if (claim.port == port) return &claim;
    if (claim.port == kAnyPort) any = &claim;
  }
  return any;
}

// At most half full, so there is always a free slot to stop at.
const HostTable::Entry* HostTable::look_up(std::string_view name) const {
  for (size_t slot = slot_of(name);; slot = (slot + 1) & (x_slots.size() - 1)) {
    if (x_slots[slot] == 0) return nullptr;
    const Entry& entry = x_entries[x_slots[slot] - 1];
    if (entry.name == name) return &entry;
  }
}

HostTable::Entry& HostTable::entry_of(std::string_view name) {
  if ((x_entries.size() + 1) * 2 > x_slots.size()) grow();
  for (size_t slot = slot_of(name);; slot = (slot + 1) & (x_slots.size() - 1)) {
    if (x_slots[slot] == 0) {
      x_entries.push_back({std::string(name), {}});
      x_slots[slot] = static_cast<uint32_t>(x_entries.size());
      return x_entries.back();
    }
    Entry& entry = x_entries[x_slots[slot] - 1];
    if (entry.name == name) return entry;
  }
}

void HostTable::grow() {
  x_slots.assign(std::max<size_t>(16, x_slots.size() * 2), 0);
  for (size_t i = 0; i < x_entries.size(); ++i) {
    size_t slot = slot_of(x_entries[i].name);
    while (x_slots[slot] != 0) slot = (slot + 1) & (x_slots.size() - 1);
    x_slots[slot] = static_cast<uint32_t>(i + 1);
  }
}

size_t HostTable::slot_of(std::string_view name) const {
  return std::hash<std::string_view>()(name) & (x_slots.size() - 1);
}

}  // namespace outrigger::chain
