// The neighbour in registries.
#include <nlohmann/json.hpp>

#include "admin/json_value.hpp"
#include "admin/later.hpp"
#include "admin/resources.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

Answer list_of(const Control& control) {
  Json list = Json::array();
  for (const RegistrationEntry& entry : control.registrations()) {
    list.push_back({{"registry", entry.registry},
                    {"name", entry.name},
                    {"address", entry.address.empty() ? Json() : Json(entry.address)},
                    {"state", entry.state},
                    {"said", entry.said.empty() ? Json() : Json(entry.said)}});
  }
  return json(dumped(Json{{"registrations", std::move(list)}}));
}

}  // namespace

Answer get_registrations(const Parts& parts, const Request&) { return list_of(parts.control); }

Answer post_deregister(const Parts& parts, const Request& request) {
  const auto write = read_write(request);
  if (!write) return write.error();
  Event event;
  event.kind = "deregister";
  event.reason = write->reason;
  event.actor = write->actor;
  parts.events.publish(std::move(event));
  Answer answer = list_of(parts.control);
  answer.status = 202;
  answer.later = std::make_shared<LaterAnswer>();
  parts.control.deregister(
      [&control = parts.control, later = answer.later] { later->give(list_of(control)); });
  return answer;
}

}  // namespace outrigger::admin
