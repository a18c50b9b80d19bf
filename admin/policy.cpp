// GET and PATCH of the whole policy of a service or route: values, and where each comes from.
#include <nlohmann/json.hpp>

#include "admin/dry_run.hpp"
#include "admin/etag.hpp"
#include "admin/json_value.hpp"
#include "admin/resources.hpp"
#include "admin/settings.hpp"
#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

using config::Target;

Result<Target, Answer> find(const Parts& parts, const Request& request) {
  const config::Config& config = parts.control.loaded().config;
  Target target{std::string(request.part("service")), std::string(request.parameter("route"))};
  if (config.find_service(target.service) == nullptr) {
    return failure(unknown_service(config, target.service));
  }
  if (policy_of(config, target) == nullptr) {
    return failure(problem(404, "the service has no route of that name"));
  }
  return target;
}

Json origin_json(const Changes& changes, const Target& target, const config::Setting& setting) {
  constexpr auto kLayers =
      std::to_array<std::string_view>({"built_in", "defaults", "profile", "service", "route"});
  Json json;
  if (setting.layer != config::Layer::kOverride) {
    json["layer"] = kLayers[static_cast<size_t>(setting.layer)];
    if (setting.place) {
      json["at"] = setting.place->file + ":" + std::to_string(setting.place->line);
    }
    return json;
  }
  const OverrideEntry* entry = changes.overrides().setting(target, setting.key);
  if (entry == nullptr) return json;
  json["layer"] = entry->layer == OverrideEntry::Layer::kFile ? "overrides_file" : "admin";
  json["id"] = entry->id;
  json["actor"] = entry->actor;
  if (!entry->by.empty()) json["by"] = entry->by;
  if (!entry->reason.empty()) json["reason"] = entry->reason;
  json["since"] = iso_time(entry->since_ms);
  if (entry->until_ms) json["until"] = iso_time(*entry->until_ms);
  return json;
}

Answer policy_answer(const Parts& parts, const Target& target) {
  const config::Loaded& loaded = parts.control.loaded();
  Json body;
  body["service"] = target.service;
  if (!target.route.empty()) body["route"] = target.route;
  body["policy"] = parsed<Json>(setting_json(loaded.config, target, ""));
  Json& from = body["from"] = Json::object();
  for (const config::Setting& setting : settings_of(loaded, target)) {
    from[setting.key] = origin_json(parts.changes, target, setting);
  }
  Answer answer = json(dumped(body));
  answer.fields.emplace_back("ETag", etag_of(parts, {target}));
  return answer;
}

Answer dry_run(const Parts& parts, const Request& request, const Target& target) {
  const config::Loaded next = parts.changes.preview(target, "", request.body);
  if (!next.ok()) return problem(422, "the settings were not accepted", next.problems);
  const config::Policy& policy = *policy_of(next.config, target);
  Json body;
  body["dry_run"] = true;
  body["before"] = parsed<Json>(setting_json(parts.control.loaded().config, target, ""));
  body["after"] = parsed<Json>(setting_json(next.config, target, ""));
  body["circuit"] = parsed<Json>(would_open(parts, target, policy));
  body["limits"] = parsed<Json>(would_limit(parts, target, policy));
  return json(dumped(body));
}

}  // namespace

Answer get_policy(const Parts& parts, const Request& request) {
  const auto target = find(parts, request);
  return target ? policy_answer(parts, *target) : target.error();
}

Answer patch_policy(const Parts& parts, const Request& request) {
  const auto target = find(parts, request);
  if (!target) return target.error();
  const auto write = read_write(request);
  if (!write) return write.error();
  std::vector<config::Problem> problems;
  config::parse_json(request.body, problems);
  if (!problems.empty()) return problem(400, problems[0].what);
  if (auto refusal = refuse_stale(parts, request, *target)) return *refusal;
  const auto dry = is_dry_run(request);
  if (!dry) return dry.error();
  if (*dry) return dry_run(parts, request, *target);
  Changed changed = parts.changes.patch(*target, "", request.body, *write);
  if (!changed.problems.empty()) {
    return problem(422, "the settings were not accepted", changed.problems);
  }
  Answer answer = policy_answer(parts, *target);
  answer.awaited = changed.awaited;
  return answer;
}

}  // namespace outrigger::admin
