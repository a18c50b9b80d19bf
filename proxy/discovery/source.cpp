#include "proxy/discovery/source.hpp"

#include <algorithm>
#include <array>

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

bool same_list(const AddressList& a, const AddressList& b) {
  const auto same = [](const upstream::ListedAddress& x, const upstream::ListedAddress& y) {
    return x.address == y.address && x.weight == y.weight && x.terminating == y.terminating;
  };
  return std::ranges::equal(a, b, same);
}

}  // namespace outrigger::discovery
