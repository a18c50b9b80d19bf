#include "tests/sim/tunnel_ledger.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "tests/sim/ledger.hpp"

namespace outrigger::sim {
namespace {

using End = TunnelLedger::End;
using Side = TunnelLedger::Side;

// Such a name looks like no method of HTTP.
std::string name_of(const End& end) {
  char name[TunnelLedger::kNameBytes + 1];
  std::snprintf(name, sizeof name, "%c%07u", end.side == Side::kClient ? 'C' : 'S',
                end.number % 10'000'000);
  return name;
}

uint64_t key_of(const End& end) {
  constexpr uint64_t kOfTunnels = uint64_t{1} << 50;
  return kOfTunnels + uint64_t{end.number} * 2 + (end.side == Side::kClient ? 0 : 1);
}

// The next bytes that whoever hears `speaker` must hear.
std::string bytes_at(const End& speaker, size_t offset, size_t count) {
  const std::string name = name_of(speaker);
  std::string bytes;
  for (size_t i = offset; i < offset + count; ++i) {
    bytes += i < name.size() ? name[i] : body_byte(key_of(speaker), i);
  }
  return bytes;
}

std::string text(uint64_t number) { return std::to_string(number); }

}  // namespace

End& TunnelLedger::add_client(uint32_t call) {
  return x_clients[call] = End{.side = Side::kClient, .number = call, .name_heard = {}};
}

End& TunnelLedger::add_server() {
  const auto number = static_cast<uint32_t>(x_servers.size() + 1);
  return x_servers[number] = End{.side = Side::kServer, .number = number, .name_heard = {}};
}

std::string TunnelLedger::next(const End& end, size_t count) {
  return bytes_at(end, end.said, count);
}

std::string TunnelLedger::hear(End& end, std::string_view bytes) {
  const std::string who = name_of(end) + ": ";
  if (end.ended) return who + "bytes behind the end";
  if (end.peer == nullptr) {
    const size_t count = std::min(bytes.size(), kNameBytes - end.name_heard.size());
    end.name_heard += bytes.substr(0, count);
    end.heard += count;
    bytes.remove_prefix(count);
    if (end.name_heard.size() < kNameBytes) return {};
    if (const std::string wrong = meet(end); !wrong.empty()) return who + wrong;
  }
  if (bytes != bytes_at(*end.peer, end.heard, bytes.size())) {
    return who + "byte " + text(end.heard) + " or one soon after is not that of " +
           name_of(*end.peer);
  }
  end.heard += bytes.size();
  if (end.heard > end.peer->said) return who + "bytes that nobody has said";
  return {};
}

// A tunnel has two ends, which are each other's.
std::string TunnelLedger::meet(End& end) {
  const std::string& name = end.name_heard;
  auto& others = end.side == Side::kClient ? x_servers : x_clients;
  uint32_t number = 0;
  std::from_chars(name.data() + 1, name.data() + name.size(), number);
  const auto found = others.find(number);
  if (found == others.end() || name_of(found->second) != name) return "a peer called " + name;
  End& peer = found->second;
  if (peer.peer != nullptr && peer.peer != &end) {
    return "hears " + name + ", which is the peer of " + name_of(*peer.peer);
  }
  const auto& mine = end.side == Side::kClient ? x_clients : x_servers;
  for (const auto& [key, other] : mine) {
    if (other.peer == &peer) return "hears " + name + " as well as " + name_of(other);
  }
  end.peer = &peer;
  return {};
}

// A part must not look like the whole.
std::string TunnelLedger::check_whole(const End& hearer, const End& speaker) {
  if (!hearer.ended || (speaker.finished && hearer.heard == speaker.said)) return {};
  return name_of(hearer) + " saw an end after " + text(hearer.heard) + " bytes; " +
         name_of(speaker) + " has said " + text(speaker.said) +
         (speaker.finished ? "" : " and not ended");
}

std::string TunnelLedger::hear_end(End& end) {
  end.ended = true;
  return end.peer == nullptr ? std::string() : check_whole(end, *end.peer);
}

std::string TunnelLedger::check_over(bool gentle) const {
  for (const auto* ends : {&x_clients, &x_servers}) {
    for (const auto& [number, end] : *ends) {
      if (!end.is_open) continue;
      const bool is_over = end.ended || end.broken || end.left;
      if (!is_over) return name_of(end) + " was never told that its tunnel is over";
      if (gentle && !(end.ended && end.finished)) return name_of(end) + ": a good tunnel broke";
      // Who has heard nothing does not know whom it did not hear.
      if (end.peer == nullptr) continue;
      for (const std::string& wrong : {check_whole(end, *end.peer), check_whole(*end.peer, end)}) {
        if (!wrong.empty()) return wrong;
      }
    }
  }
  return {};
}

}  // namespace outrigger::sim
