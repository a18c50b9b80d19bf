// Overrides and events: what differs from the file, and what happened.
#include <charconv>

#include "admin/resources.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::admin {
namespace {

bool is_unknown(const Parts& parts, std::string_view service) {
  return !service.empty() && parts.control.loaded().config.find_service(service) == nullptr;
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
  const Changed changed = parts.changes.return_to_file(service, *write);
  Answer answer = json("{\"removed\":" + std::to_string(changed.ended) + "}");
  answer.change = changed.number;
  return answer;
}

Answer get_events(const Parts& parts, const Request& request) {
  if (request.method == http::Method::kGet &&
      accepts(request.field(http::Name::kAccept), "text/event-stream")) {
    Answer answer;
    const std::string_view last = request.field("last-event-id");
    const int64_t id = last.empty() ? -1 : http::parse_decimal(last);
    if (!last.empty() && id < 0) return problem(400, "Last-Event-ID is not an id of ours");
    // Who resumes gets what is new since; who begins gets what comes.
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
