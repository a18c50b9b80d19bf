#include "tests/sim/tunnel_client.hpp"

#include <utility>

namespace outrigger::sim {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

Address address(const char* text) { return *Address::parse(text); }

}  // namespace

TunnelClient::TunnelClient(const CallerContext& context, int64_t at_ms)
    : x_context(context),
      x_way(static_cast<Way>(context.random.below(static_cast<uint32_t>(Way::kCount)))),
      x_id(context.ledger.add_call().id),
      x_start(context.loop, [this] { start(); }),
      x_leave(context.loop, [this] { leave(); }),
      x_answer(context.plan, context.ledger, x_id) {
  draw_call();
  draw_manners();
  x_start.arm_at(at_ms);
}

std::string TunnelClient::state() const {
  return "call " + std::to_string(x_id) + " for a tunnel, way " +
         std::to_string(static_cast<int>(x_way)) +
         (x_end->is_open()      ? ", which is open"
          : x_stream == nullptr ? ", not connected"
                                : ", not answered");
}

void TunnelClient::violation(const std::string& what) {
  x_context.ledger.violation("at the caller of a tunnel, call " + std::to_string(x_id) + ": " +
                             what);
}

// ---- what it will do

void TunnelClient::draw_call() {
  const Plan& plan = x_context.plan;
  Call& mine = call();
  mine.asks = is_bytes() ? Asks::kBytes : x_way == Way::kUpgrade ? Asks::kUpgrade : Asks::kConnect;
  mine.method = x_way == Way::kUpgrade ? "GET" : "CONNECT";
  mine.path = "/c/" + std::to_string(x_id);
  switch (x_way) {
    case Way::kConnectService:
    case Way::kUpgrade:
      mine.service = random().below(static_cast<uint32_t>(*plan.opaque));
      return;
    case Way::kConnectAddress:
    case Way::kRedirected:
      mine.service = plan.passthrough();
      return;
    default:
      mine.service = *plan.opaque;
      return;
  }
}

void TunnelClient::draw_manners() {
  TunnelManners manners =
      draw_tunnel_manners(random(), is_gentle() ? 0 : 0.3, !x_context.plan.has_patient_servers);
  if (x_way == Way::kConnectService) manners.speak_first();
  x_end = std::make_unique<TunnelEnd>(x_context.ledger, x_context.loop, random(),
                                      x_context.ledger.tunnels.add_client(x_id), manners,
                                      [this] { on_tunnel_over(); });
  constexpr size_t kEarlyMost = 3'000;
  const bool may_be_early = !is_bytes() && !manners.waits && !manners.echoes;
  if (may_be_early && random().chance(0.4)) {
    x_early_bytes = random().below(static_cast<uint32_t>(std::min(manners.bytes, kEarlyMost)) + 1);
  }
  x_says_close = may_be_early && manners.bytes <= kEarlyMost &&
                 manners.ending == TunnelManners::Ending::kFinish && random().chance(0.3);
  if (x_says_close) x_early_bytes = manners.bytes;
}

std::string TunnelClient::head() const {
  const std::string id = "x-id: " + std::to_string(x_id) + "\r\n";
  const std::string& host = x_context.plan.services[call().service].name;
  if (x_way == Way::kUpgrade) {
    return "GET " + call().path + " HTTP/1.1\r\nHost: " + host + "\r\n" + id +
           "Connection: Upgrade" + (x_says_close ? ", close" : "") +
           "\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           "Sec-WebSocket-Version: 13\r\nx-secret: none of theirs\r\n\r\n";
  }
  const std::string to = x_way == Way::kConnectAddress ? kOpaqueAddress : host + ":80";
  return "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n" + id +
         (x_says_close ? "Connection: close\r\n\r\n" : "\r\n");
}

// ---- asking

void TunnelClient::start() {
  note("client: comes for a tunnel", static_cast<uint64_t>(x_way));
  testing::PipeNetwork& network = x_context.network;
  const Address outbound = address(kOutbound);
  x_connect = x_way == Way::kListener ? network.connect(address(kOpaqueListener), *this)
              : x_way == Way::kRedirected
                  ? network.connect_redirected(address(kOpaqueAddress), outbound, *this)
              : x_way == Way::kClaimed
                  ? network.connect_redirected(address(kClaimedAddress), outbound, *this)
                  : network.connect(outbound, *this);
  if (is_gentle()) return;
  // Some time it loses patience in any case.
  const uint32_t spans[] = {50, 3'000, 60'000, 60'000, 60'000};
  const uint32_t span = spans[random().below(5)];
  x_leave.arm_at(now_ms() + (span == 60'000 ? span : random().below(span)));
}

void TunnelClient::on_connected(io::StreamPtr stream) {
  x_context.loop.context().reaper.doom(std::move(x_connect));
  call().begun = true;
  call().came_ms = now_ms();
  if (is_bytes()) return x_end->open(std::move(stream), {});
  x_stream = std::move(stream);
  x_stream->start(*this);
  ask();
}

void TunnelClient::on_connect_failed(Cause) {
  x_context.loop.context().reaper.doom(std::move(x_connect));
  const bool is_due = x_context.plan.drains || x_context.ledger.may_refuse(now_ms());
  if (!is_due) violation("the proxy does not accept");
  stop("client: is refused");
}

void TunnelClient::ask() {
  x_stream->write(head() + x_end->take(x_early_bytes));
  if (!x_says_close) return;
  x_end->note_finished();
  x_stream->finish();
}

// ---- the answer

void TunnelClient::on_read(std::string_view bytes) {
  if (x_is_answered) {
    x_reader.feed(bytes);
  } else {
    x_text += bytes;
    read_heads();
  }
  if (!x_reader.wrong().empty()) violation("the answer is not well-formed: " + x_reader.wrong());
}

void TunnelClient::read_heads() {
  for (size_t end = x_text.find(kHeadEnd); end != std::string::npos; end = x_text.find(kHeadEnd)) {
    const std::string head = x_text.substr(0, end + kHeadEnd.size());
    const int status = Head{.start = head.substr(0, head.find('\r')), .fields = {}}.status();
    const bool is_final = x_way == Way::kUpgrade ? status == 101 : status / 100 == 2;
    if (is_final) return take_tunnel(head, std::string_view(x_text).substr(head.size()));
    if (status >= 200 || status == 0) {
      x_is_answered = true;
      return x_reader.feed(std::exchange(x_text, {}));
    }
    note("client: interim", static_cast<uint64_t>(status));
    x_text.erase(0, head.size());
  }
}

void TunnelClient::take_tunnel(std::string_view head, std::string_view behind) {
  const bool switches = head.find("\r\nUpgrade: websocket\r\n") != std::string_view::npos;
  if (switches != (x_way == Way::kUpgrade)) return violation("not the tunnel that was asked for");
  if (head.find("Transfer-Encoding:") != std::string_view::npos ||
      head.find("Content-Length:") != std::string_view::npos) {
    return violation("a tunnel that is framed");
  }
  ++x_context.ledger.statuses[x_way == Way::kUpgrade ? 101 : 200];
  const std::string rest(behind);
  x_end->open(std::move(x_stream), rest);
}

void TunnelClient::on_head(const Head& head) {
  // What it sent ahead of the tunnel may be no request to those who refused it.
  if (x_complete && x_early_bytes > 0 && head.has("proxy-status")) return;
  if (x_complete) return violation("a second answer");
  if (is_gentle()) {
    violation("a good tunnel was refused: " + std::string(head.field("proxy-status")));
  }
  x_answer.head(head);
}

void TunnelClient::on_message_end() {
  if (!std::exchange(x_complete, true)) x_answer.end(nullptr, now_ms());
}

// ---- ends

// It waits for that, and not in vain: no other call follows on the connection.
void TunnelClient::on_end() {
  x_reader.end();
  if (!x_complete && is_gentle()) violation("no answer");
  stop("client: the proxy ended");
}

void TunnelClient::on_broken() {
  ++x_context.ledger.clients_broken_off;
  if (!x_complete && is_gentle()) violation("no answer but a reset");
  stop("client: broken");
}

void TunnelClient::on_tunnel_over() {
  const TunnelLedger::End& record = x_end->record();
  if (record.broken) ++x_context.ledger.clients_broken_off;
  stop("client: its tunnel is over");
}

void TunnelClient::leave() {
  x_left = true;
  note("client: leaves");
  if (x_end->is_open()) return x_end->leave();
  if (x_stream != nullptr) x_stream->abort();
  if (x_connect != nullptr) x_context.loop.context().reaper.doom(std::move(x_connect));
  stop("client: is gone");
}

void TunnelClient::stop(std::string_view why) {
  note(why);
  x_over = true;
  x_leave.cancel();
  if (x_stream != nullptr) x_context.loop.context().reaper.doom(std::move(x_stream));
}

}  // namespace outrigger::sim
