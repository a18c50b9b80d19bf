#include "admin/etag.hpp"

#include "admin/settings.hpp"
#include "config/write.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::admin {
namespace {

class Hash {  // FNV-1a
 public:
  void mix(std::string_view text) {
    for (const char c : text) x_hash = (x_hash ^ static_cast<unsigned char>(c)) * kPrime;
    x_hash = (x_hash ^ 0xff) * kPrime;
  }
  std::string tag() const {
    std::string text = "\"0000000000000000\"";
    uint64_t rest = x_hash;
    for (size_t i = 16; i > 0; --i, rest >>= 4) text[i] = "0123456789abcdef"[rest & 15];
    return text;
  }

 private:
  static constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t x_hash = 0xcbf29ce484222325;
};

// RFC 9110 section 13.1.1: strong comparison, so a weak tag never matches.
bool if_match_holds(std::string_view if_match, std::string_view current) {
  if (http::trim(if_match) == "*") return true;
  bool found = false;
  http::for_each_element(if_match, [&](std::string_view tag) { found = found || tag == current; });
  return found;
}

}  // namespace

std::string etag_of(const Parts& parts, const std::vector<config::Target>& targets) {
  const config::Loaded& loaded = parts.control.loaded();
  Hash hash;
  for (const config::Target& target : targets) {
    hash.mix(target.service);
    hash.mix(target.route);
    const config::Node written =
        config::write_target(loaded.config, target, config::Secrets::kShown);
    if (written.is_null()) continue;
    hash.mix(config::to_json(written, false));
    hash.mix(config::to_json(loaded.document.overridden({}, target.service, target.route), false));
    const upstream::Circuit* circuit = find_circuit(parts.control.services(), target);
    if (circuit == nullptr || !has_circuit(loaded.config, target)) continue;
    hash.mix(upstream::to_string(circuit->snapshot(parts.loop.clock.now_ms()).force));
  }
  return hash.tag();
}

std::optional<Answer> refuse_stale(const Parts& parts, const Request& request,
                                   const config::Target& target) {
  const std::string_view if_match = request.field("if-match");
  if (if_match.empty()) return std::nullopt;
  const std::string current = etag_of(parts, {target});
  if (if_match_holds(if_match, current)) return std::nullopt;
  Answer answer = problem(412, "it was changed since; read it again");
  answer.fields.emplace_back("ETag", current);
  return answer;
}

}  // namespace outrigger::admin
