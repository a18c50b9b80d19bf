#include "proxy/discovery/eureka_source.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "proxy/discovery/reply.hpp"

namespace outrigger::discovery {
namespace {

constexpr int kNotFound = 404;

// Applications are known by their names in upper case.
std::string target_of(const config::EndpointSource& from) {
  if (from.vip) return "/vips/" + percent_encoded(*from.vip);
  std::string app = *from.app;
  std::ranges::transform(app, app.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return "/apps/" + percent_encoded(app);
}

}  // namespace

EurekaSource::EurekaSource(LoopContext loop, std::shared_ptr<RegistryServer> server,
                           const config::EurekaRegistryConfig& registry,
                           const config::EndpointSource& from, const Memory& memory,
                           SourceEvents& events)
    : PollSource(loop, std::move(server), SourceKind::kEureka,
                 "eureka " + registry.name + " " + target_of(from), memory, events),
      x_target(target_of(from)),
      x_refresh_ms(registry.refresh_ms) {}

// Without that field it answers in XML.
client::Request EurekaSource::question() {
  return {.target = x_target, .fields = {{"accept", "application/json"}}};
}

Result<AddressList> EurekaSource::read(const client::Answer& answer) {
  if (answer.status == kNotFound) return AddressList{};
  if (const std::string why = why_refused(answer); !why.empty()) return failure(why);
  return read_eureka(answer.body);
}

int64_t EurekaSource::next_ms() {
  const double share = loop().random.between(1 - kJitterShare, 1 + kJitterShare);
  return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(x_refresh_ms) * share));
}

}  // namespace outrigger::discovery
