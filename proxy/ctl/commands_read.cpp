// Commands that change nothing.
#include <nlohmann/json.hpp>

#include "proxy/base/url.hpp"
#include "proxy/ctl/change.hpp"
#include "proxy/ctl/commands.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;

// Of the last event in a body; "0" where there is none.
std::string last_id_in(std::string_view body) {
  const Json answer = Json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("events") || answer["events"].empty()) return "0";
  return answer["events"].back().value("id", Json(0)).dump();
}

Outcome show_text(Session& session, const std::string& target) {
  const auto answer = session.ask("GET", target);
  if (!answer) return failure(answer.error());
  return answer->body;
}

}  // namespace

std::string target_of(const std::string& path,
                      const std::vector<std::pair<std::string, std::string>>& query) {
  std::string target = "/api/v1" + path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    target += std::exchange(separator, '&') + name + "=" + percent_encoded(value);
  }
  return target;
}

Outcome show_status(Session& session, const Arguments&) {
  return session.show(target_of("/status"), status_view);
}

Outcome show_services(Session& session, const Arguments& arguments) {
  if (arguments.name.empty()) return session.show(target_of("/services"), services_view);
  return session.show(target_of("/services/" + percent_encoded(arguments.name)), service_view);
}

Outcome show_circuits(Session& session, const Arguments& arguments) {
  if (arguments.name.empty()) return session.show(target_of("/circuits"), circuits_view);
  const Name name = name_from(arguments.name);
  std::string path = "/circuits/" + percent_encoded(name.service);
  if (!name.route.empty()) path += "/" + percent_encoded(name.route);
  return session.show(target_of(path), circuit_view);
}

Outcome show_endpoints(Session& session, const Arguments& arguments) {
  return session.show(target_of("/services/" + percent_encoded(arguments.name)), endpoints_view);
}

Outcome show_policy(Session& session, const Arguments& arguments) {
  const Name name = name_from(arguments.name);
  return session.show(
      target_of("/services/" + percent_encoded(name.service) + "/policy", {{"route", name.route}}),
      policy_view);
}

Outcome show_overrides(Session& session, const Arguments& arguments) {
  std::string path = "/overrides";
  if (!arguments.name.empty()) path += "/" + percent_encoded(arguments.name);
  if (arguments.yaml) return show_text(session, target_of(path, {{"format", "yaml"}}));
  return session.show(target_of(path), overrides_view);
}

// What is new follows what is kept: nothing between the two is missed.
Outcome show_events(Session& session, const Arguments& arguments) {
  const std::string target = target_of("/events");
  if (!arguments.follow) return session.show(target, events_view);
  const auto kept = session.ask("GET", target);
  if (!kept) return failure(kept.error());
  if (!session.json()) {
    const Text text = events_view(kept->body, session.look());
    if (text) print(*text);
  }
  return failure(
      session.follow(target, {{"last-event-id", last_id_in(kept->body)}}, event_view, false));
}

Outcome show_live(Session& session, const Arguments&) {
  return failure(session.follow(target_of("/live"), {}, live_view, true));
}

Outcome show_unmatched(Session& session, const Arguments&) {
  return session.show(target_of("/unmatched"), unmatched_view);
}

Outcome show_registrations(Session& session, const Arguments&) {
  return session.show(target_of("/registrations"), registrations_view);
}

Outcome show_config(Session& session, const Arguments& arguments) {
  const bool as_json = arguments.diff || session.json();
  const auto state = session.ask("GET", target_of("/config"), {},
                                 {{"accept", as_json ? "application/json" : "application/yaml"}});
  if (!state) return failure(state.error());
  if (!arguments.diff || session.json()) return state->body;
  const auto overrides = session.ask("GET", target_of("/overrides"));
  if (!overrides) return failure(overrides.error());
  return outcome_of(difference_view(state->body, overrides->body, session.look()));
}

Outcome show_schema(Session& session, const Arguments&) {
  return show_text(session, target_of("/schema"));
}

Outcome explain(Session& session, const Arguments& arguments) {
  return show_text(session,
                   target_of("/explain", {{"method", arguments.method}, {"url", arguments.url}}));
}

}  // namespace outrigger::ctl
