// Commands that change the running sidecar: each says what it changed, until when, and how to take
// it back.
#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "proxy/base/url.hpp"
#include "proxy/ctl/change.hpp"
#include "proxy/ctl/commands.hpp"
#include "proxy/ctl/understood.hpp"
#include "proxy/io/disk.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;
using Query = std::vector<std::pair<std::string, std::string>>;

constexpr int kAccepted = 202;

Query write_query(const Arguments& arguments) {
  return {{"ttl", arguments.ttl}, {"reason", arguments.reason}};
}

std::string body_of(const char* key, const std::string& word) { return Json{{key, word}}.dump(); }

std::string field_in(std::string_view body, const char* key) {
  const Json answer = Json::parse(body, nullptr, false);
  return answer.is_object() ? text_at(answer, key) : std::string();
}

// The body, or what the change comes to.
Outcome changed(Session& session, const client::Answer& answer,
                const std::vector<ChangedKey>& keys) {
  if (session.json()) return answer.body;
  const auto overrides = session.ask("GET", target_of("/overrides"));
  if (!overrides) return failure(overrides.error());
  Outcome shown = outcome_of(change_view(keys, overrides->body, session.look(), session.command()));
  if (shown && answer.status == kAccepted) {
    *shown += "not every worker has it yet; `" + session.command() + " events` tells when\n";
  }
  return shown;
}

std::string circuit_path(const Name& name) {
  std::string path = "/circuits/" + percent_encoded(name.service);
  return name.route.empty() ? path : path + "/" + percent_encoded(name.route);
}

// "open" is short for "forced_open".
std::string force_from(const std::string& word) {
  return word == "open" || word == "closed" ? "forced_" + word : word;
}

std::string operator_state_in(std::string_view body, const std::string& endpoint) {
  const Json service = Json::parse(body, nullptr, false);
  if (!service.is_object()) return "auto";
  for (const Json& one : service.value("endpoints", Json::array())) {
    if (text_at(one, "address") == endpoint) return text_at(one, "operator");
  }
  return "auto";
}

bool is_id(const std::string& word) {
  return std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

std::string override_path(const std::string& word) {
  return word.empty() || is_id(word) ? "/overrides" : "/overrides/" + percent_encoded(word);
}

// Those of one word of the command line: all, of a service, or one of them.
Outcome undo_one(Session& session, const std::string& word, const Arguments& arguments) {
  const std::string path = override_path(word);
  const auto before = session.ask("GET", target_of(path));
  if (!before) return failure(before.error());
  const auto done = session.ask(
      "DELETE", target_of(path, {{"id", is_id(word) ? word : ""}, {"reason", arguments.reason}}));
  if (!done) return failure(done.error());
  if (session.json()) return done->body;
  const auto after = session.ask("GET", target_of(path));
  if (!after) return failure(after.error());
  return outcome_of(undone_view(before->body, after->body));
}

}  // namespace

// With the ETag that was read: a change that somebody else made meanwhile is not written over.
Outcome patch(Session& session, const Arguments& arguments) {
  const auto wanted = patch_from(arguments.words);
  if (!wanted) return failure(Failed{kUsage, wanted.error()});
  const Name name = name_from(arguments.name);
  const std::string path = "/services/" + percent_encoded(name.service) + "/policy";
  const auto before = session.ask("GET", target_of(path, {{"route", name.route}}));
  if (!before) return failure(before.error());
  Query query = write_query(arguments);
  query.emplace_back("route", name.route);
  query.emplace_back("dry_run", arguments.dry_run ? "true" : "");
  const auto after = session.ask("PATCH", target_of(path, query), wanted->body,
                                 {{"if-match", std::string(before->field("etag"))}});
  if (!after) return failure(after.error());
  if (arguments.dry_run) {
    const auto keys = dry_changes(after->body, name, *wanted);
    if (!keys) return failure(Failed{kUnreachable, keys.error()});
    return session.json() ? after->body : dry_view(*keys, after->body);
  }
  const auto keys = policy_changes(before->body, after->body, name, *wanted);
  if (!keys) return failure(Failed{kUnreachable, keys.error()});
  return changed(session, *after, *keys);
}

Outcome force(Session& session, const Arguments& arguments) {
  const Name name = name_from(arguments.name);
  const auto before = session.ask("GET", target_of(circuit_path(name)));
  if (!before) return failure(before.error());
  const auto after =
      session.ask("PUT", target_of(circuit_path(name) + "/state", write_query(arguments)),
                  body_of("state", force_from(arguments.state)),
                  {{"if-match", std::string(before->field("etag"))}});
  if (!after) return failure(after.error());
  return changed(
      session, *after,
      {{name, "", "state", field_in(before->body, "force"), field_in(after->body, "force")}});
}

Outcome set_endpoint(Session& session, const Arguments& arguments) {
  const std::string path = "/services/" + percent_encoded(arguments.name);
  const auto before = session.ask("GET", target_of(path));
  if (!before) return failure(before.error());
  const auto after =
      session.ask("PUT",
                  target_of(path + "/endpoints/" + percent_encoded(arguments.endpoint) + "/state",
                            write_query(arguments)),
                  body_of("state", arguments.state));
  if (!after) return failure(after.error());
  const std::string endpoint = field_in(after->body, "endpoint");
  Outcome shown = changed(session, *after,
                          {{{arguments.name, ""},
                            endpoint,
                            "endpoint_state",
                            operator_state_in(before->body, endpoint),
                            field_in(after->body, "state")}});
  if (shown && !session.json() && field_in(after->body, "listed") == "false") {
    *shown += "it is not listed now; the state holds from when it is\n";
  }
  return shown;
}

Outcome set_log(Session& session, const Arguments& arguments) {
  const auto before = session.ask("GET", target_of("/status"));
  if (!before) return failure(before.error());
  const auto after = session.ask("PUT", target_of("/log", write_query(arguments)),
                                 body_of("level", arguments.state));
  if (!after) return failure(after.error());
  return changed(
      session, *after,
      {{{}, "", "log.level", field_in(before->body, "log_level"), field_in(after->body, "level")}});
}

Outcome undo(Session& session, const Arguments& arguments) {
  if (arguments.words.empty()) return undo_one(session, "", arguments);
  std::string out;
  for (const std::string& word : arguments.words) {
    Outcome one = undo_one(session, word, arguments);
    if (!one) return one;
    out += *one;
  }
  return out;
}

Outcome clear_cache(Session& session, const Arguments& arguments) {
  const auto answer = session.ask("DELETE", target_of("/cache/" + percent_encoded(arguments.name),
                                                      {{"reason", arguments.reason}}));
  if (!answer) return failure(answer.error());
  if (session.json()) return answer->body;
  return arguments.name + "  " + field_in(answer->body, "removed") + " stored answers removed\n";
}

Outcome reload(Session& session, const Arguments& arguments) {
  const int64_t begun_ms = session.ticks_ms();
  const auto answer =
      session.ask("POST", target_of("/config/reload", {{"reason", arguments.reason}}));
  if (!answer) return failure(answer.error());
  if (session.json()) return answer->body;
  return outcome_of(reload_view(answer->body, session.ticks_ms() - begun_ms, session.look()));
}

Outcome check(Session& session, const Arguments& arguments) {
  const auto text = io::read_file(arguments.file);
  if (!text) return failure(Failed{kUsage, text.error()});
  const auto answer = session.ask("POST", target_of("/config/check"), *text,
                                  {{"content-type", "application/yaml"}});
  if (!answer) return failure(answer.error());
  return session.json() ? answer->body : arguments.file + ": ok\n";
}

Outcome deregister(Session& session, const Arguments& arguments) {
  const std::string target = target_of("/deregister", {{"reason", arguments.reason}});
  auto answer = session.ask("POST", target);
  // It is answered after a second at the latest, and may take two.
  if (answer && answer->status == kAccepted) answer = session.ask("POST", target);
  if (!answer) return failure(answer.error());
  if (session.json()) return answer->body;
  return outcome_of(registrations_view(answer->body, session.look()));
}

Outcome drain(Session& session, const Arguments& arguments) {
  const auto answer = session.ask("POST", target_of("/drain", {{"reason", arguments.reason}}));
  if (!answer) return failure(answer.error());
  if (session.json()) return answer->body;
  return std::string(
      "draining: it ends once no caller is connected, at the latest after `grace`\n");
}

}  // namespace outrigger::ctl
