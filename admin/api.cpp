#include "admin/api.hpp"

#include "admin/call.hpp"
#include "admin/event_stream.hpp"
#include "admin/live_stream.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::admin {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kYaml = "application/yaml";
constexpr std::string_view kMergePatch = "application/merge-patch+json";

bool is_listed(std::string_view list, std::string_view name) {
  bool found = false;
  http::for_each_element(list, [&](std::string_view one) { found = found || one == name; });
  return found;
}

std::optional<Answer> refuse_parameters(const Operation& operation, const Request& request) {
  for (const auto& [name, value] : request.query) {
    // One that is mistyped must not make an override that was meant to end last for ever.
    if (!is_listed(operation.parameters, name)) {
      return problem(400, "there is no parameter \"" + name + "\" here");
    }
  }
  return std::nullopt;
}

std::optional<Answer> refuse_body(const Operation& operation, const Request& request,
                                  const http::RequestHead& head) {
  if (operation.body == BodyKind::kNone) return std::nullopt;
  const std::string type = media_type_of(request.field(http::Name::kContentType));
  const bool patch = operation.body == BodyKind::kMergePatch;
  const std::string_view own = patch                               ? kMergePatch
                               : operation.body == BodyKind::kYaml ? kYaml
                                                                   : kJson;
  if (type != kJson && type != own) {
    const std::string more = own == kJson ? "" : std::string(own) + " or ";
    Answer answer = problem(415, "send " + more + std::string(kJson));
    // RFC 5789 section 2.2.
    if (patch) answer.fields.emplace_back("Accept-Patch", kMergePatch);
    return answer;
  }
  const size_t most = body_bytes_max(operation.body);
  if (head.framing == http::Framing::kLength && head.content_length > static_cast<int64_t>(most)) {
    return too_large(most);
  }
  return std::nullopt;
}

Answer too_many_subscribers() {
  Answer answer = problem(503, "too many subscribers");
  answer.fields.emplace_back("Retry-After", "10");
  return answer;
}

template <class T>
chain::CallPtr owned(T* call, const LoopContext& loop) {
  return chain::CallPtr(call, chain::CancelCall{&loop.reaper});
}

}  // namespace

AdminApi::Prepared AdminApi::prepare(const http::RequestHead& head) {
  Prepared prepared;
  auto& refusal = prepared.refusal;
  if (x_rules != nullptr) refusal = x_rules->refuse_host(head);
  if (refusal) return prepared;
  Result<Request> parsed = parse_request(head);
  if (!parsed) {
    refusal = problem(400, parsed.error());
    return prepared;
  }
  Request& request = prepared.request = std::move(*parsed);
  std::string allow;
  const Operation* operation = find_operation(request, x_rules == nullptr, allow);
  if (operation == nullptr) {
    if (allow.empty()) {
      refusal = problem(404, "there is nothing here; GET / lists what there is");
    } else {
      refusal = problem(405, "the methods here are " + allow);
      refusal->fields.emplace_back("Allow", allow);
    }
    return prepared;
  }
  prepared.operation = operation;
  if (x_rules != nullptr) refusal = x_rules->refuse_caller(request, operation->access);
  if (!refusal) refusal = refuse_parameters(*operation, request);
  if (!refusal) refusal = refuse_body(*operation, request, head);
  return prepared;
}

chain::CallPtr AdminApi::start(chain::CallLeg leg) {
  Prepared prepared = prepare(leg.request());
  if (prepared.refusal) {
    deliver(leg, *prepared.refusal);
    return nullptr;
  }
  const Operation& operation = *prepared.operation;
  if (operation.body != BodyKind::kNone) {
    auto* call = new AdminCall(x_parts, leg);
    call->read_body(operation, std::move(prepared.request));
    return owned(call, x_parts.loop);
  }
  Answer answer = operation.serve(x_parts, prepared.request);
  if (answer.stream_after) {
    auto* stream = new EventStream(x_parts.loop, x_parts.events, leg, *answer.stream_after);
    chain::CallPtr call = owned(stream, x_parts.loop);
    if (stream->begin()) return call;
    answer = too_many_subscribers();
  }
  if (answer.is_live && leg.request().method != http::Method::kHead) {
    auto* stream = new LiveStream(x_parts, leg);
    chain::CallPtr call = owned(stream, x_parts.loop);
    if (stream->begin()) return call;
    answer = too_many_subscribers();
  }
  if (answer.scrape && leg.request().method != http::Method::kHead) {
    auto* stream = new ScrapeStream(x_parts.loop, leg, x_pages.get(*answer.scrape));
    chain::CallPtr call = owned(stream, x_parts.loop);
    stream->begin(answer);
    return call;
  }
  const bool is_done = x_parts.changes.is_done(answer.awaited) && answer.awaited.save == 0;
  if (is_done && answer.later == nullptr) {
    deliver(leg, answer);
    return nullptr;
  }
  auto* call = new AdminCall(x_parts, leg);
  call->conclude(std::move(answer));
  return owned(call, x_parts.loop);
}

}  // namespace outrigger::admin
