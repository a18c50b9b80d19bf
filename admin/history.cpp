// Overrides and events: what differs from the file, and what happened.
#include <algorithm>

#include "admin/resources.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::admin {
namespace {

bool is_unknown(const Parts& parts, std::string_view service) {
  return !service.empty() && parts.control.loaded().config.find_service(service) == nullptr;
}

// One that is named must be there, and ours to take back.
template <class F>
std::optional<Answer> refuse_id(const Parts& parts, std::string_view id, const F& is_meant) {
  if (id.empty()) return std::nullopt;
  const auto& all = parts.changes.overrides().all();
  const auto found = std::find_if(all.begin(), all.end(), is_meant);
  if (found == all.end()) return problem(404, "there is no override with that id");
  if (found->layer == OverrideEntry::Layer::kAdmin) return std::nullopt;
  return problem(409, "it is an entry of the overrides file; change the file");
}

}  // namespace

Answer get_overrides(const Parts& parts, const Request& request) {
  const std::string_view service = request.part("service");
  if (is_unknown(parts, service)) return unknown_service(parts.control.loaded().config, service);
  std::vector<OverrideEntry> shown;
  for (const OverrideEntry& entry : parts.changes.overrides().all()) {
    if (service.empty() || entry.target.service == service) shown.push_back(entry);
  }
  const std::string_view format = request.parameter("format");
  if (format == "yaml") return text(to_yaml(shown), "application/yaml");
  if (!format.empty() && format != "json") return problem(400, "format is json or yaml");
  return json(to_json(shown));
}

Answer delete_overrides(const Parts& parts, const Request& request) {
  const std::string_view service = request.part("service");
  if (is_unknown(parts, service)) return unknown_service(parts.control.loaded().config, service);
  const auto write = read_write(request);
  if (!write) return write.error();
  const std::string_view id = request.parameter("id");
  const auto is_meant = [&](const OverrideEntry& entry) {
    return (service.empty() || entry.target.service == service) && (id.empty() || entry.id == id);
  };
  if (auto refusal = refuse_id(parts, id, is_meant)) return *refusal;
  const Changed changed = parts.changes.take_back(is_meant, *write);
  Answer answer = json("{\"removed\":" + std::to_string(changed.ended) + "}");
  answer.awaited = changed.awaited;
  return answer;
}

Answer get_live(const Parts&, const Request&) {
  Answer answer = text("", "text/event-stream");
  answer.is_live = true;
  return answer;
}

Answer get_events(const Parts& parts, const Request& request) {
  if (request.method == http::Method::kGet &&
      accepts(request.field(http::Name::kAccept), "text/event-stream")) {
    Answer answer;
    const std::string_view last = request.field("last-event-id");
    const int64_t id = last.empty() ? -1 : http::parse_decimal(last);
    if (!last.empty() && id < 0) return problem(400, "Last-Event-ID is not an id of ours");
    // A reader that resumes gets what is new since; one that begins gets what comes.
    answer.stream_after = last.empty() ? parts.events.last_id() : static_cast<uint64_t>(id);
    return answer;
  }
  std::string body = "{\"events\":[";
  for (const Event& event : parts.events.kept()) {
    if (body.back() == '}') body += ',';
    body += to_json(event);
  }
  return json(body + "]}");
}

}  // namespace outrigger::admin
