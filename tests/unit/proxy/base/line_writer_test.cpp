#include "proxy/base/line_writer.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace outrigger {
namespace {

class LineWriterTest : public ::testing::Test {
 protected:
  LineWriterTest() : x_path(::testing::TempDir() + "outrigger_lines") { remove_all(); }
  ~LineWriterTest() override { remove_all(); }

  std::unique_ptr<LineWriter> open() { return std::move(*LineWriter::open(x_path)); }
  std::string rotated() const { return x_path + ".1"; }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void remove_all() {
    std::remove(x_path.c_str());
    std::remove(rotated().c_str());
  }

  const std::string x_path;
};

TEST_F(LineWriterTest, WritesWhatIsBufferedBeforeItEnds) {
  auto writer = open();
  for (int i = 0; i < 1'000; ++i) writer->append("line");
  writer.reset();
  EXPECT_EQ(content(x_path).size(), 5'000U);
}

TEST_F(LineWriterTest, AppendsToWhatIsThere) {
  open()->append("one");
  open()->append("two");
  EXPECT_EQ(content(x_path), "one\ntwo\n");
}

TEST_F(LineWriterTest, LinesOfSeveralThreadsStayWhole) {
  {
    const auto writer = open();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&writer, i] {
        for (int n = 0; n < 500; ++n) writer->append(std::string(20, static_cast<char>('a' + i)));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::istringstream lines(content(x_path));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(line, std::string(20, line[0]));
  }
  EXPECT_EQ(count, 2'000);
}

TEST_F(LineWriterTest, AFullDiskDropsLinesAndCountsThem) {
  auto writer = std::move(*LineWriter::open("/dev/full"));
  for (int i = 0; i < 10; ++i) writer->append("lost");
  while (writer->dropped() < 10) std::this_thread::yield();
  EXPECT_EQ(writer->dropped(), 10U);
}

TEST_F(LineWriterTest, AWriterThatIsHeldUpDropsWhatDoesNotFitAndHoldsNobodyUp) {
  ASSERT_EQ(::mkfifo(x_path.c_str(), 0600), 0);
  const int reader = ::open(x_path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  auto writer = open();
  const std::string line(1'000, 'x');
  constexpr size_t kLines = 2'000;
  for (size_t i = 0; i < kLines; ++i) writer->append(line);
  const uint64_t dropped = writer->dropped();
  EXPECT_GT(dropped, 0U);
  std::thread drain([&] {
    std::array<char, 65'536> bytes;
    size_t read_bytes = 0;
    while (read_bytes < (kLines - dropped) * (line.size() + 1)) {
      const ssize_t got = ::read(reader, bytes.data(), bytes.size());
      if (got > 0) read_bytes += static_cast<size_t>(got);
    }
    EXPECT_EQ(read_bytes, (kLines - dropped) * (line.size() + 1));
  });
  writer.reset();
  drain.join();
  ::close(reader);
}

TEST_F(LineWriterTest, ReopenWritesToTheNewFile) {
  const auto writer = open();
  writer->append("before");
  while (content(x_path).empty()) std::this_thread::yield();
  ASSERT_EQ(std::rename(x_path.c_str(), rotated().c_str()), 0);
  writer->reopen();
  while (::access(x_path.c_str(), F_OK) != 0) std::this_thread::yield();
  writer->append("after");
  while (content(x_path).empty()) std::this_thread::yield();
  EXPECT_EQ(content(rotated()), "before\n");
  EXPECT_EQ(content(x_path), "after\n");
}

TEST_F(LineWriterTest, SaysWhyAFileCannotBeOpened) {
  const auto writer = LineWriter::open("/nowhere/at/all.log");
  ASSERT_FALSE(static_cast<bool>(writer));
  EXPECT_EQ(writer.error(), "cannot open /nowhere/at/all.log: No such file or directory");
}

}  // namespace
}  // namespace outrigger
