#include "proxy/downstream/refused_connection.hpp"

#include <utility>

namespace outrigger::downstream {

void RefusedConnection::refuse(ServerContext& context, io::StreamPtr stream,
                               std::string_view answer) {
  if (!answer.empty()) stream->write(answer);
  stream->finish();
  auto* const connection = new RefusedConnection(context, std::move(stream));
  context.refused.push_back(*connection);
  if (++context.refused_count > kMost) {
    static_cast<RefusedConnection&>(context.refused.front()).end();
  }
}

RefusedConnection::RefusedConnection(ServerContext& context, io::StreamPtr stream)
    : Connection(context, Arrival()), x_stream(std::move(stream)) {
  x_linger.begin(context.runtime.loop.clock.now_ms());
  x_stream->start(*this);
  arm();
}

void RefusedConnection::arm() {
  LoopContext& loop = x_context.runtime.loop;
  loop.timers.arm(x_timer, x_linger.due_ms(loop.clock.now_ms()));
}

void RefusedConnection::on_read(std::string_view bytes) {
  x_linger.take(bytes.size()) ? arm() : end();
}

int RefusedConnection::reset() {
  if (x_stream != nullptr) x_stream->abort();
  end();
  return 0;
}

void RefusedConnection::end() {
  if (x_stream == nullptr) return;
  x_timer.cancel();
  ListNode<OwnedByAcceptor>::unlink();
  --x_context.refused_count;
  Reaper& reaper = x_context.runtime.loop.reaper;
  reaper.doom(std::move(x_stream));
  reaper.doom(this);
}

}  // namespace outrigger::downstream
