#include "proxy/discovery/source.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace outrigger::discovery {

std::string_view to_string(SourceKind kind) {
  constexpr std::array<std::string_view, kSourceKinds> kNames = {"static", "file",   "dns",
                                                                 "consul", "eureka", "kubernetes"};
  return kNames[static_cast<size_t>(kind)];
}

void Source::report(AddressList list) {
  x_list = std::move(list);
  x_answered = true;
  x_events.on_list(x_list);
}

bool same_list(const AddressList& a, const AddressList& b) { return a == b; }

size_t count_lost(const AddressList& before, const AddressList& after) {
  std::unordered_set<Address> there;
  for (const upstream::ListedAddress& listed : after) there.insert(listed.address);
  return static_cast<size_t>(std::ranges::count_if(
      before, [&](const auto& listed) { return !there.contains(listed.address); }));
}

}  // namespace outrigger::discovery
