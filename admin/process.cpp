// The process as a whole: health, metrics, configuration, drain, caches, hosts that matched
// nothing.
#include "admin/later.hpp"
#include "admin/openapi.hpp"
#include "admin/operations.hpp"
#include "admin/resources.hpp"
#include "config/notes.hpp"
#include "config/text.hpp"
#include "metrics/exposition.hpp"
#include "proxy/base/json_line.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::admin {
namespace {

Answer health(const std::string& problem_of_it) {
  return problem_of_it.empty() ? text("ok\n") : problem(503, problem_of_it);
}

std::string list_json(const std::vector<std::string>& words) {
  std::string list = "[";
  for (const std::string& word : words) {
    if (list.size() > 1) list += ',';
    append_json_string(list, word);
  }
  return list + "]";
}

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

std::string state_json(const ConfigState& state) {
  std::string body = "{\"running\":{\"hash\":" + quoted(state.running_hash) +
                     ",\"effective_hash\":" + quoted(state.effective_hash) +
                     ",\"since\":" + quoted(iso_time(state.good_at_ms)) +
                     "},\"file\":{\"hash\":" + quoted(state.file_hash) + "}";
  if (state.differs_since_ms) {
    body += ",\"differs_since\":" + quoted(iso_time(*state.differs_since_ms));
  }
  if (state.is_last_good) body += ",\"last_good\":true";
  body += ",\"awaits_restart\":" + list_json(state.awaits_restart) + ",\"errors\":";
  append_errors(body, state.problems);
  return body + "}";
}

// What was in force when a reload was asked for.
struct Former {
  config::Loaded loaded;
  std::string hash;
};

Answer answer_of(const Reloaded& reloaded, const Former& former, const Control& control) {
  if (!reloaded.problems.empty()) {
    return problem(422, "the configuration has mistakes; nothing has changed", reloaded.problems);
  }
  Answer answer = json("{\"before\":" + quoted(former.hash) +
                       ",\"after\":" + quoted(control.config_state().running_hash) + "," +
                       reload_json(former.loaded, control.loaded()) +
                       ",\"awaits_restart\":" + list_json(reloaded.awaits_restart) + "}");
  answer.awaited = reloaded.awaited;
  return answer;
}

std::string health_json(const HealthStates& health) {
  const auto or_null = [](const std::string& text) { return text.empty() ? "null" : quoted(text); };
  return "{\"live\":" + or_null(health.live) + ",\"started\":" + or_null(health.started) +
         ",\"ready\":" + or_null(health.ready) + "}";
}

std::string overrides_json(const OverrideStore& overrides) {
  std::string body = "{\"count\":" + std::to_string(overrides.all().size());
  if (const auto end_ms = overrides.next_end_ms()) {
    body += ",\"next_end\":" + quoted(iso_time(*end_ms));
  }
  return body + "}";
}

}  // namespace

Result<Write, Answer> read_write(const Request& request) {
  constexpr size_t kReasonMax = 256;
  Write write{request.actor.name, std::string(request.parameter("reason")), std::nullopt};
  if (write.reason.size() > kReasonMax) {
    return failure(problem(400, "a reason has at most 256 bytes"));
  }
  const std::string_view ttl = request.parameter("ttl");
  if (request.query.find("ttl") == request.query.end()) return write;
  const auto ttl_ms = config::parse_duration_ms(ttl);
  if (!ttl_ms || *ttl_ms < 1) {
    return failure(problem(400, "ttl is a duration such as 90s, 10m or 2h"));
  }
  write.ttl_ms = static_cast<int64_t>(*ttl_ms);
  return write;
}

Result<std::string, Answer> read_word(const Request& request, std::string_view key) {
  std::vector<config::Problem> problems;
  const config::Node body = config::parse_json(request.body, problems);
  if (!problems.empty()) return failure(problem(400, problems[0].what));
  const config::Node* word = body.find(key);
  const bool is_alone = word != nullptr && word->is_scalar() && body.entries.size() == 1;
  return is_alone ? word->text : std::string();
}

Answer get_index(const Parts&, const Request&) {
  std::string page = "Outrigger. What is where:\n\n";
  for (const Operation& operation : operations()) {
    std::string method(to_string(operation.method));
    method.resize(8, ' ');
    page.append(method).append(operation.path).append("\n");
  }
  return text(page + "\nEach is described in /openapi.yaml.\n");
}

Answer get_healthz(const Parts& parts, const Request&) {
  return health(parts.control.health().live);
}

Answer get_startupz(const Parts& parts, const Request&) {
  return health(parts.control.health().started);
}

Answer get_readyz(const Parts& parts, const Request&) {
  return health(parts.control.health().ready);
}

Answer get_metrics(const Parts&, const Request& request) {
  const auto form = metrics::negotiate(request.field(http::Name::kAccept));
  Answer answer = text("", std::string(metrics::content_type(form)));
  answer.scrape = form;
  answer.fields.emplace_back("Vary", "Accept");
  return answer;
}

Answer get_openapi(const Parts&, const Request&) {
  return text(std::string(kOpenApiYaml), "application/yaml");
}

Answer get_status(const Parts& parts, const Request&) {
  const ProcessState process = parts.control.process_state();
  return json(
      "{\"version\":" + quoted(process.version) + ",\"uptime_ms\":" +
      std::to_string(process.uptime_ms) + ",\"health\":" + health_json(parts.control.health()) +
      ",\"config\":" + state_json(parts.control.config_state()) +
      ",\"overrides\":" + overrides_json(parts.changes.overrides()) +
      ",\"memory\":{\"used_bytes\":" + std::to_string(process.memory_used_bytes) +
      ",\"limit_bytes\":" + std::to_string(process.memory_limit_bytes) +
      "},\"log_level\":" + quoted(log::to_string(log::level())) +
      ",\"services\":{\"total\":" + std::to_string(parts.control.loaded().config.services.size()) +
      ",\"troubled\":" + troubled_json(parts) + "}}");
}

Answer get_unmatched(const Parts& parts, const Request&) {
  std::string body = "{\"unmatched\":[";
  for (const UnmatchedHost& host : parts.control.unmatched()) {
    if (body.back() == '}') body += ',';
    body += "{\"authority\":";
    append_json_string(body, host.authority);
    body += ",\"count\":" + std::to_string(host.count);
    if (!host.nearest.empty()) {
      body += ",\"nearest\":";
      append_json_string(body, host.nearest);
    }
    body += ",\"last\":";
    append_json_string(body, iso_time(host.last_ms));
    body += '}';
  }
  return json(body + "]}");
}

Answer delete_cache(const Parts& parts, const Request& request) {
  const std::string service(request.part("service"));
  const config::Config& config = parts.control.loaded().config;
  if (config.find_service(service) == nullptr) return unknown_service(config, service);
  const auto write = read_write(request);
  if (!write) return write.error();
  const uint64_t removed = parts.control.clear_cache(service);
  Event event;
  event.kind = "cache_cleared";
  event.service = service;
  event.reason = write->reason;
  event.actor = write->actor;
  event.before = std::to_string(removed);
  event.after = "0";
  parts.events.publish(std::move(event));
  return json("{\"removed\":" + std::to_string(removed) + "}");
}

Answer get_config(const Parts& parts, const Request& request) {
  Answer answer = accepts(request.field(http::Name::kAccept), "application/json")
                      ? json(state_json(parts.control.config_state()))
                      : text(config::effective(parts.control.loaded().config), "application/yaml");
  answer.fields.emplace_back("Vary", "Accept");
  return answer;
}

Answer post_config_check(const Parts&, const Request& request) {
  const config::Loaded loaded = config::load_unexpanded("body", request.body);
  if (!loaded.ok()) return problem(422, "the configuration has mistakes", loaded.problems);
  std::string body = "{\"notes\":";
  append_errors(body, config::notes(loaded));
  return json(body + "}");
}

Answer get_schema(const Parts&, const Request&) {
  return text(config::schema(), "application/schema+json");
}

Answer get_explain(const Parts& parts, const Request& request) {
  const std::string_view method = request.parameter("method");
  const auto said =
      parts.control.explain(method.empty() ? "GET" : method, request.parameter("url"));
  return said ? text(*said) : problem(400, said.error());
}

Answer post_config_reload(const Parts& parts, const Request& request) {
  const auto write = read_write(request);
  if (!write) return write.error();
  Answer answer = json("{\"reloading\":true}");
  answer.later = std::make_shared<LaterAnswer>();
  const auto former = std::make_shared<const Former>(
      Former{parts.control.loaded(), parts.control.config_state().running_hash});
  parts.control.reload(
      write->actor, write->reason,
      [later = answer.later, former, &control = parts.control](const Reloaded& reloaded) {
        later->give(answer_of(reloaded, *former, control));
      });
  return answer;
}

Answer post_drain(const Parts& parts, const Request& request) {
  const auto write = read_write(request);
  if (!write) return write.error();
  Event event;
  event.kind = "drain";
  event.reason = write->reason;
  event.actor = write->actor;
  parts.events.publish(std::move(event));
  parts.control.drain();
  Answer answer = json("{\"draining\":true}");
  answer.status = 202;
  return answer;
}

}  // namespace outrigger::admin
