#include "proxy/io/line_writer.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/io/fd.hpp"
#include "proxy/io/file_thread.hpp"
#include "proxy/io/line_buffer.hpp"

namespace outrigger::io {
namespace {

class LineWriterTest : public ::testing::Test {
 protected:
  LineWriterTest() {
    std::string pattern = "/tmp/outrigger-lines-XXXXXX";
    x_folder = mkdtemp(pattern.data());
    x_path = x_folder + "/log";
    x_thread.emplace();
  }
  ~LineWriterTest() override {
    x_thread.reset();
    std::filesystem::remove_all(x_folder);
  }

  std::unique_ptr<LineWriter> open() { return std::move(*x_thread->append_to(x_path)); }
  // Writes out all lines.
  void end(std::unique_ptr<LineWriter> writer) {
    writer.reset();
    x_thread.reset();
  }
  std::string rotated() const { return x_path + ".1"; }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // The reading end, which never waits. The writing end needs one to exist.
  Fd make_pipe() {
    EXPECT_EQ(::mkfifo(x_path.c_str(), 0600), 0);
    return Fd(::open(x_path.c_str(), O_RDONLY | O_NONBLOCK));
  }
  static std::string read_until(const Fd& pipe, const std::string& last) {
    std::string all;
    std::array<char, 65'536> bytes;
    while (!all.ends_with(last)) {
      const ssize_t got = ::read(pipe.get(), bytes.data(), bytes.size());
      if (got > 0) all.append(bytes.data(), static_cast<size_t>(got));
    }
    return all;
  }

  std::string x_folder;
  std::string x_path;
  std::optional<FileThread> x_thread;
};

TEST_F(LineWriterTest, TheEndWritesOutWhatIsLeft) {
  auto writer = open();
  for (int i = 0; i < 1'000; ++i) writer->append("line");
  end(std::move(writer));
  EXPECT_EQ(content(x_path).size(), 5'000U);
}

TEST_F(LineWriterTest, AppendsToWhatIsThere) {
  open()->append("one");
  while (content(x_path).empty()) std::this_thread::yield();
  open()->append("two");
  end(nullptr);
  EXPECT_EQ(content(x_path), "one\ntwo\n");
}

TEST_F(LineWriterTest, LinesOfSeveralThreadsStayWhole) {
  auto writer = open();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&writer, i] {
      for (int n = 0; n < 500; ++n) writer->append(std::string(20, static_cast<char>('a' + i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  end(std::move(writer));
  std::istringstream lines(content(x_path));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(line, std::string(20, line[0]));
  }
  EXPECT_EQ(count, 2'000);
}

TEST_F(LineWriterTest, AFullDiskDropsLinesAndCountsThem) {
  const auto writer = std::move(*x_thread->append_to("/dev/full"));
  for (int i = 0; i < 10; ++i) writer->append("lost");
  while (x_thread->lines_dropped() < 10) std::this_thread::yield();
  EXPECT_EQ(x_thread->lines_dropped(), 10U);
}

TEST_F(LineWriterTest, APipeThatNobodyReadsDropsWhatDoesNotFitAndHoldsNobodyUp) {
  const Fd reader = make_pipe();
  auto writer = open();
  const std::string line(1'000, 'x');
  constexpr size_t kLines = 2'000;
  for (size_t i = 0; i < kLines; ++i) writer->append(line);
  const uint64_t dropped = x_thread->lines_dropped();
  EXPECT_GE(dropped * (line.size() + 1), kLines * line.size() - LineBuffer::kBytesMax - 65'536);
  // Other files are written meanwhile.
  const auto other = std::move(*x_thread->append_to(x_folder + "/other"));
  other->append("other");
  while (content(x_folder + "/other").empty()) std::this_thread::yield();
  writer->append("last");  // may not fit
  std::array<char, 65'536> bytes;
  size_t read_bytes = 0;
  while (read_bytes < (kLines - dropped) * (line.size() + 1)) {
    const ssize_t got = ::read(reader.get(), bytes.data(), bytes.size());
    if (got > 0) read_bytes += static_cast<size_t>(got);
  }
  EXPECT_GE(read_bytes, (kLines - dropped) * (line.size() + 1));
}

// The thread is left behind, and with it the reader that it waits for: it would go on, and close
// what it has, while the process opens other files.
TEST_F(LineWriterTest, AStoppedReaderDoesNotHoldUpTheEnd) {
  static const Fd* const reader = new Fd(make_pipe());
  ASSERT_TRUE(reader->is_open());
  auto writer = open();
  const std::string line(1'000, 'x');
  for (size_t i = 0; i < 500; ++i) writer->append(line);
  end(std::move(writer));
}

TEST_F(LineWriterTest, AFifoWithoutAReaderWaitsForOne) {
  Fd reader = make_pipe();
  reader.close();
  auto writer = open();
  writer->append("early");
  reader = Fd(::open(x_path.c_str(), O_RDONLY | O_NONBLOCK));
  EXPECT_EQ(read_until(reader, "early\n"), "early\n");
  // One that goes takes the lines of the meantime with it.
  reader.close();
  writer->append("lost");
  while (x_thread->lines_dropped() < 1) std::this_thread::yield();
  reader = Fd(::open(x_path.c_str(), O_RDONLY | O_NONBLOCK));
  writer->append("late");
  EXPECT_EQ(read_until(reader, "late\n"), "late\n");
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

TEST_F(LineWriterTest, ReopenLeavesAPipeThatNobodyReads) {
  const Fd reader = make_pipe();
  const auto writer = open();
  const std::string line(1'000, 'x');
  for (size_t i = 0; i < 500; ++i) writer->append(line);
  ASSERT_EQ(std::rename(x_path.c_str(), rotated().c_str()), 0);
  writer->reopen();
  while (content(x_path).empty()) std::this_thread::yield();
  std::ifstream file(x_path);
  std::string first;
  std::getline(file, first);
  EXPECT_EQ(first, line);
}

TEST_F(LineWriterTest, SaysWhyAFileCannotBeOpened) {
  const auto writer = x_thread->append_to("/nowhere/at/all.log");
  ASSERT_FALSE(static_cast<bool>(writer));
  EXPECT_EQ(writer.error(), "cannot open /nowhere/at/all.log: No such file or directory");
}

}  // namespace
}  // namespace outrigger::io
