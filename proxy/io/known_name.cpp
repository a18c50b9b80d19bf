#include "proxy/io/known_name.hpp"

#include <algorithm>

namespace outrigger::io {

void KnownName::begin_with(const std::vector<Address>& addresses, int64_t answered_at_ms) {
  for (Family& each : x_families) {
    each = {.addresses = {},
            .was_answered = true,
            .is_failing = true,
            .answered_at_ms = answered_at_ms};
  }
  for (const Address& address : addresses) {
    const bool is_ipv4 = address.kind() == Address::Kind::kIpv4;
    at(is_ipv4 ? RecordType::kA : RecordType::kAaaa).addresses.push_back(address);
  }
}

bool KnownName::take(const Resolved& resolved, int64_t now_ms) {
  const auto has_records = [](const Answer& answer) { return answer.verdict == Verdict::kRecords; };
  KnownName next = *this;
  if (std::ranges::any_of(resolved.answers, has_records)) {
    // What the name of another domain had is not this one's.
    const bool is_another = !x_known_as.empty() && x_known_as != resolved.name;
    for (Family& each : next.x_families) {
      if (is_another) each.addresses.clear();
    }
    next.x_known_as = resolved.name;
  }
  for (const Answer& answer : resolved.answers) {
    Family& answered = next.at(answer.type);
    answered.is_failing = is_failure(answer);
    at(answer.type).is_failing = true;  // unless all of it is taken
    if (answered.is_failing) continue;
    answered.was_answered = true;
    answered.answered_at_ms = now_ms;
    const auto count = std::min(answer.addresses.size(), x_most);
    answered.addresses.assign(answer.addresses.begin(),
                              answer.addresses.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const bool is_certain =
      resolved.is_complete && std::ranges::none_of(resolved.answers, is_failure);
  const bool is_news = !std::ranges::all_of(resolved.answers, is_failure);
  if (!is_news || (next.is_empty() && !is_certain)) return false;
  *this = std::move(next);
  return true;
}

bool KnownName::is_empty() const {
  return std::ranges::all_of(x_families, [](const Family& each) { return each.addresses.empty(); });
}

}  // namespace outrigger::io
