// Forced states that are no circuit's: endpoints, and the level of the log.
#include <nlohmann/json.hpp>

#include "admin/json_value.hpp"
#include "admin/resources.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::admin {

using Json = nlohmann::ordered_json;

Answer put_endpoint_state(const Parts& parts, const Request& request) {
  const std::string service(request.part("service"));
  const config::Config& config = parts.control.loaded().config;
  if (config.find_service(service) == nullptr) return unknown_service(config, service);
  const auto write = read_write(request);
  if (!write) return write.error();
  const auto address = Address::parse(request.part("endpoint"));
  if (!address) return problem(400, "an endpoint is IP:PORT");
  const auto word = read_word(request, "state");
  if (!word) return word.error();
  const auto state = upstream::operator_state_from(*word);
  if (!state) return problem(422, R"(expected {"state": "drain" | "disabled" | "auto"})");
  const Changed changed = parts.changes.set_endpoint(service, *address, *state, *write);
  if (!changed.problems.empty()) return problem(422, "it was not accepted", changed.problems);
  const auto running = parts.control.services().find(service);
  const bool is_listed = running != nullptr && running->find_endpoint(*address) != nullptr;
  Answer answer = json(dumped(Json{{"service", service},
                                   {"endpoint", address->to_string()},
                                   {"state", upstream::to_string(*state)},
                                   {"listed", is_listed}}));
  answer.awaited = changed.awaited;
  return answer;
}

Answer put_log(const Parts& parts, const Request& request) {
  const auto write = read_write(request);
  if (!write) return write.error();
  const auto word = read_word(request, "level");
  if (!word) return word.error();
  const auto level = log::level_from(*word);
  if (!level && *word != "auto") {
    return problem(422, R"(expected {"level": "debug" | "info" | "warning" | "error" | "auto"})");
  }
  const Changed changed = parts.changes.set_log_level(level, *write);
  if (!changed.problems.empty()) return problem(422, "it was not accepted", changed.problems);
  Answer answer = json(dumped(Json{{"level", log::to_string(log::level())}}));
  answer.awaited = changed.awaited;
  return answer;
}

}  // namespace outrigger::admin
