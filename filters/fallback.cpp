#include "filters/fallback.hpp"

#include <algorithm>
#include <type_traits>

#include "filters/cache.hpp"
#include "filters/headers.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/local_reply.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/upstream/match.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::LegPtr;
using chain::LocalReply;
using chain::Step;
using metrics::FallbackKind;

struct FallbackSlot {
  FallbackSlot(Fallback&, Leg& leg_) : leg(leg_) {}

  void on_total() {
    Error error;
    error.cause = Cause::kTimeout;
    error.detail = "total";
    leg.fail(this, error);
  }

  Leg& leg;
  // The deadline filter of the service that was called sees nothing of its alternate.
  Timer total = Timer::of<&FallbackSlot::on_total>(*this);
  LegPtr first;  // what was called; kept until something better is there
  std::shared_ptr<const chain::Chain> alternate_chain;  // outlives the leg that is on it
  LegPtr alternate;
  size_t next = 0;  // the next entry to try
  int64_t started_ms = 0;
};

namespace {

constexpr std::string_view kKindNames[] = {"stale", "service", "respond", "omit"};

// What is answered: written in the policy, or in a file that it names.
std::string body_of(const config::FallbackRespond& reply) {
  if (reply.content == nullptr) return reply.body;
  return reply.message_file.empty() ? *reply.content : http::grpc_frame(*reply.content);
}

// In which language the answer is written; nothing: in whatever the caller speaks.
std::optional<bool> is_in_grpc(const config::Fallback& policy) {
  if (const auto* reply = std::get_if<config::FallbackRespond>(&policy.action)) {
    return reply->grpc_status.has_value();
  }
  if (const auto* omit = std::get_if<config::FallbackOmit>(&policy.action)) {
    return *omit == config::FallbackOmit::kEmptyMessage;
  }
  return std::nullopt;
}

}  // namespace

void Fallback::make(const Context& context, FilterList& filters) {
  Cache::make(context, filters);
  if (!context.policy.fallback.empty()) filters.push_back(std::make_unique<Fallback>(context));
}

Fallback::Fallback(const Context& context)
    : x_runtime(context.runtime),
      x_label(context.label),
      x_rules(store_rules(context)),
      x_timeout(context.policy.timeout),
      x_body_max_bytes(context.policy.retry.value_or(config::Retry{}).body_max_bytes),
      x_series(context.series),
      x_store(context.stale),
      x_inner_chain(context.inner_chain) {
  for (const config::Fallback& policy : context.policy.fallback) {
    Entry entry{policy, is_in_grpc(policy), {}, {}, 0};
    if (const auto* reply = std::get_if<config::FallbackRespond>(&policy.action)) {
      entry.body = body_of(*reply);
      for (const config::HeaderValue& header : reply->headers) {
        if (auto value = header_value(header)) entry.fields.emplace_back(header.name, *value);
      }
    }
    if (const auto* service = std::get_if<config::FallbackService>(&policy.action)) {
      const bool on_timeout = policy.on.has(Token::kTimeout);
      const int64_t request_ms = config::request_timeout_ms(x_timeout, false).value_or(0);
      const int64_t quarter = on_timeout ? request_ms / 4 : 0;
      entry.within_ms = service->within_ms.value_or(quarter);
    }
    x_entries.push_back(std::move(entry));
  }
}

Step Fallback::on_request(Leg& leg, void* slot_) {
  FallbackSlot& slot = of(slot_);
  const http::RequestHead& request = leg.request();
  slot.started_ms = x_runtime.loop.clock.now_ms();
  int64_t reserve_ms = 0;
  for (const Entry& entry : x_entries) {
    if (applies(entry, leg)) reserve_ms = std::max(reserve_ms, entry.within_ms);
  }
  if (request.framing != http::Framing::kNone && may_open(leg, slot_)) {
    const bool known = request.framing == http::Framing::kLength;
    leg.exchange().body().retain(x_body_max_bytes, known ? request.content_length : -1);
  }
  slot.first = leg.open_rest();
  slot.first->set_reserve_ms(reserve_ms);
  return Step::kPaused;
}

bool Fallback::applies(const Entry& entry, const Leg& leg) {
  const bool legible = !entry.in_grpc || *entry.in_grpc == leg.exchange().is_grpc();
  return legible && upstream::covers(entry.policy.methods, entry.policy.grpc, leg.request());
}

// Whether one of the entries that are still to be tried is so; ask(entry).
template <class Ask>
bool Fallback::any_left(const void* slot, Ask ask) const {
  return std::any_of(x_entries.begin() + static_cast<ptrdiff_t>(of(slot).next), x_entries.end(),
                     ask);
}

bool Fallback::may_open(const Leg& leg, const void* slot) const {
  return any_left(slot, [&](const Entry& entry) {
    return std::holds_alternative<config::FallbackService>(entry.policy.action) &&
           applies(entry, leg);
  });
}

bool Fallback::may_replace(const Leg& leg, const void* slot) const {
  return any_left(slot, [&](const Entry& entry) { return applies(entry, leg); });
}

void Fallback::on_leg(Leg& mine, void* slot_, Leg& below) {
  FallbackSlot& slot = of(slot_);
  if (slot.alternate == nullptr) return replace(slot);
  // The answer that the alternate is to replace was lost meanwhile.
  if (&below == slot.first.get()) return;
  // Depth one: an alternate that fails as well, in whatever way, stands in for nothing; the next
  // entry may.
  if (upstream::matches(x_entries[slot.next - 1].policy.on, below) ||
      upstream::matches(x_any, below)) {
    slot.alternate.reset();
    return replace(slot);
  }
  Arena& arena = mine.exchange().arena();
  if (below.response() != nullptr) {
    below.edit_response().fields.add(arena, http::Name::kProxyStatus, marking(slot));
  }
  note(slot, FallbackKind::kService);
  if (x_timeout.total_ms) {
    x_runtime.loop.timers.arm(slot.total, slot.started_ms + *x_timeout.total_ms);
  }
  slot.first.reset();
  mine.accept(std::move(slot.alternate));
}

// Takes the first entry that applies and can; else the caller gets what the call itself got.
void Fallback::replace(FallbackSlot& slot) const {
  // Another service of a split gets it first.
  const Error* const error = slot.first->error();
  const bool is_refused = error != nullptr && error->cause == Cause::kCircuitOpen;
  if (is_refused && slot.leg.goes_elsewhere(*error)) {
    return slot.leg.accept(std::move(slot.first));
  }
  while (slot.next < x_entries.size()) {
    const Entry& entry = x_entries[slot.next++];
    if (!applies(entry, slot.leg)) continue;
    if (upstream::matches(entry.policy.on, *slot.first) && act(slot, entry)) return;
  }
  slot.leg.accept(std::move(slot.first));
}

bool Fallback::act(FallbackSlot& slot, const Entry& entry) const {
  return std::visit(
      [&](const auto& action) {
        using Action = std::decay_t<decltype(action)>;
        if constexpr (std::is_same_v<Action, config::FallbackStale>) {
          return serve_stale(slot, action);
        } else if constexpr (std::is_same_v<Action, config::FallbackService>) {
          return call_service(slot, entry, action);
        } else if constexpr (std::is_same_v<Action, config::FallbackRespond>) {
          return respond(slot, entry, action), true;
        } else {
          return omit(slot, action), true;
        }
      },
      entry.policy.action);
}

// ---- what stands in

bool Fallback::serve_stale(FallbackSlot& slot, const config::FallbackStale& stale) const {
  if (!x_rules || has_body(slot.leg)) return false;
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  const http::RequestHead& request = slot.leg.request();
  const auto found =
      x_store.find(cache_key(*x_rules, x_label, request), request, now_ms, stale.max_age_ms);
  if (found == nullptr) return false;
  Arena& arena = slot.leg.exchange().arena();
  LocalReply reply;
  reply.status = found->status;
  for (const auto& [name, value] : found->fields) {
    if (http::intern(name) == http::Name::kAge) continue;
    reply.fields.add(arena, arena.copy(name), arena.copy(value));
  }
  const int64_t age_s = found->age_s + (now_ms - found->stored_ms) / 1000;
  reply.fields.add(arena, http::Name::kAge, arena.number(age_s));
  reply.fields.add(arena, http::Name::kCacheStatus,
                   "outrigger; hit; detail=\"stale, the service failed\"");
  reply.body = arena.copy(found->body);
  finish(slot, reply, FallbackKind::kStale);
  // The length that a HEAD told is not that of a body (RFC 9110 section 9.3.2).
  if (request.method == http::Method::kHead) {
    slot.leg.edit_response().content_length = found->content_length;
  }
  return true;
}

bool Fallback::call_service(FallbackSlot& slot, const Entry& entry,
                            const config::FallbackService& service) const {
  Leg& leg = slot.leg;
  std::shared_ptr<const chain::Chain> chain = x_inner_chain(service.service);
  if (chain == nullptr || !leg.exchange().body().is_whole()) return false;
  const int64_t answer_by_ms = deadline_ms(slot, entry.within_ms);
  if (answer_by_ms <= x_runtime.loop.clock.now_ms()) return false;
  slot.alternate.reset();
  slot.alternate_chain = std::move(chain);
  slot.alternate = leg.open(*slot.alternate_chain, true);
  slot.alternate->set_deadline_ms(answer_by_ms);
  return true;
}

// When the response head of an alternate has to be there: by the call's own timeouts, for all of it
// is one call to the caller, and by `within`.
int64_t Fallback::deadline_ms(const FallbackSlot& slot, int64_t within_ms) const {
  const chain::Exchange& exchange = slot.leg.exchange();
  int64_t deadline_ms = slot.leg.deadline_ms();
  const auto bound = [&](int64_t from_ms, int64_t by_ms) {
    deadline_ms = std::min(deadline_ms, from_ms + by_ms);
  };
  if (x_timeout.total_ms) bound(slot.started_ms, *x_timeout.total_ms);
  const auto request_ms = config::request_timeout_ms(x_timeout, exchange.caller_decides());
  if (request_ms && exchange.request_complete()) {
    bound(exchange.request_complete_ms(), *request_ms);
  }
  if (within_ms > 0) bound(x_runtime.loop.clock.now_ms(), within_ms);
  return deadline_ms;
}

// An alternate that was opened before the caller had sent its last byte: `request` runs from now
// on.
void Fallback::on_body_end(Leg&, void* slot_, chain::Way) {
  const FallbackSlot& slot = of(slot_);
  if (slot.alternate == nullptr) return;
  slot.alternate->set_deadline_ms(std::min(slot.alternate->deadline_ms(), deadline_ms(slot, 0)));
}

void Fallback::respond(FallbackSlot& slot, const Entry& entry,
                       const config::FallbackRespond& answer) const {
  Arena& arena = slot.leg.exchange().arena();
  LocalReply reply;
  reply.status = answer.status;
  for (const auto& [name, value] : entry.fields) reply.fields.add(arena, name, value);
  reply.body = entry.body;
  if (answer.grpc_status) make_grpc(reply, *answer.grpc_status, arena);
  finish(slot, reply, FallbackKind::kRespond);
}

void Fallback::omit(FallbackSlot& slot, config::FallbackOmit how) const {
  constexpr int kNoContent = 204;
  constexpr std::string_view kEmptyFrame("\0\0\0\0\0", 5);
  Arena& arena = slot.leg.exchange().arena();
  LocalReply reply;
  switch (how) {
    case config::FallbackOmit::kNoContent:
      reply.status = kNoContent;
      break;
    case config::FallbackOmit::kEmptyList:
      reply.fields.add(arena, http::Name::kContentType, "application/json");
      reply.body = "[]";
      break;
    case config::FallbackOmit::kEmptyMessage:
      reply.body = kEmptyFrame;
      make_grpc(reply, http::kGrpcOk, arena);
      break;
  }
  finish(slot, reply, FallbackKind::kOmit);
}

// With a message the status goes into trailers, else into the head.
void Fallback::make_grpc(LocalReply& reply, int status, Arena& arena) {
  if (reply.fields.find(http::Name::kContentType) == nullptr) {
    reply.fields.add(arena, http::Name::kContentType, http::kGrpcContentType);
  }
  http::Fields& fields = reply.body.empty() ? reply.fields : reply.trailers;
  fields.add(arena, http::Name::kGrpcStatus, arena.number(status));
}

void Fallback::finish(FallbackSlot& slot, LocalReply& reply, FallbackKind kind) const {
  reply.fields.add(slot.leg.exchange().arena(), http::Name::kProxyStatus, marking(slot));
  note(slot, kind);
  slot.first.reset();
  slot.leg.reply(reply);
}

// What the reply stands in for.
std::string_view Fallback::marking(const FallbackSlot& slot) const {
  Arena& arena = slot.leg.exchange().arena();
  if (const Error* error = slot.first->error()) return chain::proxy_status(*error, x_label, arena);
  const int grpc = slot.first->grpc_status();
  const std::string_view before_grpc = grpc > http::kGrpcOk ? " grpc-status " : "";
  return arena.concat({"outrigger; received-status=", arena.number(slot.first->response()->status),
                       "; details=\"fallback ", x_label, before_grpc,
                       grpc > http::kGrpcOk ? arena.number(grpc) : std::string_view(), "\""});
}

// What an answer of the upstream that is no good is called: by its status, "503",
// "grpc-unavailable".
std::string_view Fallback::reason_of(const Leg& first) {
  constexpr int kHttpOk = 200;
  Arena& arena = first.exchange().arena();
  const int grpc = first.grpc_status();
  if (first.response()->status != kHttpOk || grpc <= http::kGrpcOk) {
    return arena.number(first.response()->status);
  }
  return arena.concat({"grpc-", config::kGrpcCodeNames[static_cast<size_t>(grpc)]});
}

void Fallback::note(FallbackSlot& slot, FallbackKind kind) const {
  const auto index = static_cast<size_t>(kind);
  chain::Facts& facts = slot.leg.exchange().facts();
  facts.fallback = kKindNames[index];
  if (const Error* error = slot.first->error()) {
    facts.upstream_reason = row_of(error->cause).name;
  } else {
    facts.upstream_reason = reason_of(*slot.first);
  }
  x_series.fallbacks[index].add();
}

}  // namespace outrigger::filters
