#include "tests/sim/h2_client_tunnel.hpp"

#include <algorithm>
#include <utility>

#include "tests/sim/h2_client.hpp"

namespace outrigger::sim {

H2ClientTunnel::H2ClientTunnel(H2Client& client)
    : x_client(client),
      x_id(client.context().ledger.add_call().id),
      x_answer(client.context().plan, client.context().ledger, x_id),
      x_leave(client.context().loop, [this] { leave(); }) {
  draw_call();
}

// The wire goes with the client.
H2ClientTunnel::~H2ClientTunnel() {
  if (x_tunnel != nullptr) x_tunnel->on_closed();
}

const CallerContext& H2ClientTunnel::context() const { return x_client.context(); }
int64_t H2ClientTunnel::now_ms() const { return context().loop.now_ms(); }
bool H2ClientTunnel::is_gentle() const { return context().plan.gentle; }
bool H2ClientTunnel::is_upgrade() const {
  return context().ledger.find(x_id)->asks == Asks::kUpgrade;
}

void H2ClientTunnel::draw_call() {
  Random& random = context().random;
  const Plan& plan = context().plan;
  Call& call = *context().ledger.find(x_id);
  call.asks = random.chance(0.5) ? Asks::kUpgrade : Asks::kConnect;
  call.method = is_upgrade() ? "GET" : "CONNECT";
  call.path = "/c/" + std::to_string(x_id);
  const bool to_address = !is_upgrade() && random.chance(0.3);
  call.service = to_address ? plan.passthrough()
                            : random.below(static_cast<uint32_t>(*plan.opaque) + !is_upgrade());
  const std::string& host = plan.services[call.service].name;
  x_to = is_upgrade() ? host : to_address ? kOpaqueAddress : host + ":80";

  TunnelManners manners =
      draw_tunnel_manners(random, is_gentle() ? 0 : 0.3, !plan.has_patient_servers);
  if (!is_upgrade() && call.service < *plan.opaque) manners.speak_first();
  x_end = std::make_unique<TunnelEnd>(context().ledger, context().loop, random,
                                      context().ledger.tunnels.add_client(x_id), manners,
                                      [this] { end("client: its tunnel is over"); });
  constexpr size_t kEarlyMost = 3'000;
  const bool may_be_early = !manners.waits && !manners.echoes;
  if (may_be_early && random.chance(0.4)) {
    x_early_bytes = random.below(static_cast<uint32_t>(std::min(manners.bytes, kEarlyMost)) + 1);
  }
}

FieldList H2ClientTunnel::fields() const {
  FieldList fields{{":method", "CONNECT"}};
  if (is_upgrade()) {
    fields.insert(fields.end(), {{":protocol", "websocket"},
                                 {":scheme", "http"},
                                 {":path", context().ledger.find(x_id)->path}});
  }
  fields.insert(fields.end(), {{":authority", x_to}, {"x-id", std::to_string(x_id)}});
  if (is_upgrade()) fields.emplace_back("x-secret", "none of theirs");
  return fields;
}

// Its way may end ahead of the answer, too.
void H2ClientTunnel::begin() {
  Call& call = *context().ledger.find(x_id);
  call.begun = true;
  call.came_ms = now_ms();
  x_stream = x_client.wire().request(fields(), true);
  context().ledger.note(now_ms(), "client: asks for a tunnel over HTTP/2", x_id,
                        static_cast<uint64_t>(x_stream));
  x_tunnel = std::make_shared<H2Tunnel>(context().loop, x_client.wire(), x_stream,
                                        [this] { x_client.flush_soon(); });
  x_asking = std::make_unique<H2TunnelStream>(x_tunnel);
  if (x_early_bytes > 0) x_asking->write(x_end->take(x_early_bytes));
  const TunnelManners& manners = x_end->manners();
  if (x_early_bytes == manners.bytes && manners.ending == TunnelManners::Ending::kFinish) {
    x_end->note_finished();
    x_asking->finish();
  }
  if (is_gentle()) return;
  const uint32_t spans[] = {50, 3'000, 60'000, 60'000, 60'000};
  const uint32_t span = spans[context().random.below(5)];
  x_leave.arm_at(now_ms() + (span == 60'000 ? span : context().random.below(span)));
}

// ---- the answer

void H2ClientTunnel::on_fields(const Head& head) {
  if (x_over) return;
  const int status = head.status();
  if (status == 0 && x_asking == nullptr) return x_answer.violation("fields in a tunnel");
  if (status < 200) return;
  if (status >= 300) {
    if (is_gentle()) {
      x_answer.violation("a good tunnel was refused: " + std::string(head.field("proxy-status")));
    }
    return x_answer.head(head);
  }
  if (head.has("content-length")) x_answer.violation("a tunnel that is framed");
  ++context().ledger.statuses[status];
  x_end->open(std::move(x_asking), {});
}

void H2ClientTunnel::on_data(std::string_view bytes) {
  if (x_asking == nullptr) return x_tunnel->on_data(bytes);
  x_answer.body(bytes);
  x_client.wire().open_stream(x_stream, bytes.size());
}

void H2ClientTunnel::on_message_end() {
  if (x_asking == nullptr) return x_tunnel->on_message_end();
  x_complete = true;
  x_answer.end(nullptr, now_ms());
}

// ---- ends

void H2ClientTunnel::on_closed(uint32_t code) {
  x_tunnel->on_closed();
  if (x_asking == nullptr || x_over) return;
  if (!x_complete && is_gentle()) {
    x_answer.violation("a good tunnel was reset with code " + std::to_string(code));
  }
  end("client: no tunnel");
}

void H2ClientTunnel::on_flushed() {
  if (x_tunnel != nullptr) x_tunnel->on_flushed();
}

void H2ClientTunnel::on_lost(bool excused) {
  if (x_over) return;
  if (x_tunnel != nullptr) x_tunnel->on_closed();
  if (x_end->is_open()) return;
  if (x_stream > 0 && !x_complete && !excused && is_gentle()) {
    x_answer.violation("a good tunnel was lost with its connection");
  }
  end("client: no tunnel, and no connection");
}

void H2ClientTunnel::leave() {
  context().ledger.note(now_ms(), "client: leaves", x_id);
  if (x_end->is_open()) return x_end->leave();
  x_asking.reset();
  end("client: is gone");
}

void H2ClientTunnel::end(std::string_view why) {
  x_over = true;
  context().ledger.note(now_ms(), why, x_id);
  x_leave.cancel();
  x_client.on_stream_over();
}

}  // namespace outrigger::sim
