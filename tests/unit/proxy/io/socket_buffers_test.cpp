#include "proxy/io/socket_buffers.hpp"

#include <atomic>
#include <string>

#include "tests/unit/proxy/io/socket_fixture.hpp"

namespace outrigger::io {
namespace {

TEST_F(SocketTest, TheKernelHoldsLittleForASlowReaderWhereMemoryIsTight) {
  static const std::atomic<bool> tight{true};
  loop.watch_memory(tight);
  Pair pair(*this);
  pair.server().pause();
  size_t sent = 0;
  while (pair.client.stream().unsent() == 0) {
    pair.client.stream().write(std::string(100'000, 'a'));
    sent += 100'000;
  }
  for (int i = 0; i < 10; ++i) loop.poll();
  EXPECT_GT(pair.client.stream().kernel_bytes(), 0);
  EXPECT_LT(pair.client.stream().kernel_bytes(), 512 * 1024);
  pair.server().resume();
  EXPECT_TRUE(run_until(loop, [&] { return pair.server().received.size() == sent; }));
}

}  // namespace
}  // namespace outrigger::io
