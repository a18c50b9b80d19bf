#include "tests/support/virtual_names.hpp"

namespace outrigger::testing {

// One question; what it is told is what the script says when the answer is due.
class VirtualNames::Ask final : public io::Operation {
 public:
  Ask(VirtualNames& names, std::string name, io::RecordType type, io::ReplyEvents& events)
      : x_names(names),
        x_name(std::move(name)),
        x_type(type),
        x_events(events),
        x_due(names.x_loop, [this] { reply(); }) {
    const Script script = read();
    if (script.verdict == io::Verdict::kSilence) return;
    x_due.arm_at(names.x_loop.now_ms() + names.answer_ms + script.after_ms);
  }

 private:
  Script read() const {
    const auto found = x_names.x_scripts.find({x_name.substr(0, x_name.size() - 1), x_type});
    return found == x_names.x_scripts.end() ? Script() : found->second;
  }

  void reply() {
    if (is_linked()) return;
    const Script script = read();
    if (script.is_second && std::exchange(x_is_first_time, false)) return x_due.arm();
    io::Answer answer{.type = x_type, .verdict = script.verdict, .addresses = {}, .ttl_s = 0};
    for (const std::string& ip : script.ips) {
      answer.addresses.push_back(*Address::from_ip(ip, 0));
    }
    answer.places = script.places;
    answer.ttl_s = script.ttl_s;
    x_events.on_reply(std::move(answer));
  }

  VirtualNames& x_names;
  const std::string x_name;
  const io::RecordType x_type;
  io::ReplyEvents& x_events;
  VirtualLoop::Event x_due;
  bool x_is_first_time = true;
};

io::OperationPtr VirtualNames::ask(const std::string& name, io::RecordType type,
                                   io::ReplyEvents& events) {
  asked.push_back(name);
  return std::make_unique<Ask>(*this, name, type, events);
}

void VirtualNames::set(const std::string& name, const std::vector<std::string>& ips,
                       int64_t ttl_s) {
  set(name, io::Verdict::kNoRecords);
  const bool is_ipv6_first = !ips.empty() && ips.front().find(':') != std::string::npos;
  at(name, is_ipv6_first ? io::RecordType::kA : io::RecordType::kAaaa).is_second = true;
  for (const std::string& ip : ips) {
    const auto type = Address::from_ip(ip, 0)->kind() == Address::Kind::kIpv4
                          ? io::RecordType::kA
                          : io::RecordType::kAaaa;
    Script& script = at(name, type);
    script.verdict = io::Verdict::kRecords;
    script.ips.push_back(ip);
    script.ttl_s = ttl_s;
  }
}

void VirtualNames::set(const std::string& name, io::Verdict verdict) {
  for (const io::RecordType type : io::kAddressTypes) at(name, type) = {.verdict = verdict};
}

}  // namespace outrigger::testing
