#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "connectors/file/file_sink.h"
#include "connectors/file/file_source.h"
#include "support/faulty_files.h"
#include "support/power_files.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

/// A folder of its own, so that tests may run side by side.
class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "leat_file_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Put(const std::string& name, const std::string& bytes) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
    return Path(name);
  }
  static std::string Get(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::string folder_;
};

std::string Gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string LongText() {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += std::to_string(i * 7919LL) + "\n";
  return text;
}

/// Everything a source gives, with reads of `chunk` bytes; an error ends it and is appended.
std::string ReadWhole(const std::string& path, size_t chunk = 4096) {
  auto source = OpenFile(path);
  if (!source.ok()) return "ERROR " + std::string(source.status().message());
  std::string all;
  std::string buffer(chunk, '\0');
  for (;;) {
    const auto count = (*source)->Read(buffer.data(), buffer.size());
    if (!count.ok()) {
      EXPECT_EQ(count.status().code(), StatusCode::kIo);
      return "ERROR " + std::string(count.status().message());
    }
    if (*count == 0) break;
    all.append(buffer, 0, *count);
  }
  // The end stays the end, and all of the file was consumed.
  EXPECT_EQ((*source)->Read(buffer.data(), buffer.size()).value(), 0u);
  EXPECT_EQ((*source)->consumed(), (*source)->total());
  EXPECT_EQ((*source)->total(), std::filesystem::file_size(path));
  return all;
}

TEST_F(FileTest, ACompressedFileIsLeftInTheMiddle) {
  std::string text;
  while (text.size() < (size_t{1} << 22)) text += LongText();  // More than is read ahead.
  const std::string path = Put("long.csv.zst", Zstd(text));
  for (const size_t reads : {0, 1, 3}) {
    auto source = OpenFile(path);
    ASSERT_TRUE(source.ok());
    std::string buffer(1000, '\0');
    for (size_t i = 0; i < reads; ++i) {
      const auto count = (*source)->Read(buffer.data(), buffer.size());
      ASSERT_TRUE(count.ok());
      ASSERT_EQ(buffer.substr(0, *count), text.substr(i * buffer.size(), *count));
    }
  }
}

TEST_F(FileTest, ReadsPlainGzipAndZstd) {
  const std::string text = LongText();
  for (const size_t chunk : {size_t{1000}, size_t{1} << 20}) {
    EXPECT_EQ(ReadWhole(Put("a.csv", text), chunk), text);
    EXPECT_EQ(ReadWhole(Put("a.csv.gz", Gzip(text)), chunk), text);
    EXPECT_EQ(ReadWhole(Put("a.csv.zst", Zstd(text)), chunk), text);
  }
  for (const std::string& small : {std::string(), std::string("x"), std::string("ab\n")}) {
    EXPECT_EQ(ReadWhole(Put("b.csv", small), 1), small);
    EXPECT_EQ(ReadWhole(Put("b.csv.gz", Gzip(small)), 1), small);
    EXPECT_EQ(ReadWhole(Put("b.csv.zst", Zstd(small)), 1), small);
  }
}

TEST_F(FileTest, TellsCompressionByItsFirstBytesToo) {
  const std::string text = LongText();
  EXPECT_EQ(ReadWhole(Put("gzip", Gzip(text))), text);
  EXPECT_EQ(ReadWhole(Put("zstd", Zstd(text))), text);
}

TEST_F(FileTest, ReadsSeveralFramesAsOne) {
  const std::string text = LongText();
  EXPECT_EQ(ReadWhole(Put("a.gz", Gzip("one\n") + Gzip("") + Gzip(text))), "one\n" + text);
  EXPECT_EQ(ReadWhole(Put("a.zst", Zstd("one\n") + Zstd("") + Zstd(text))), "one\n" + text);
}

TEST_F(FileTest, TruncatedDataIsAnErrorWhereverItIsCut) {
  const std::string gzip = Gzip("hello, world\n") + Gzip("again\n");
  const size_t first_gzip = Gzip("hello, world\n").size();
  for (size_t size = 0; size < gzip.size(); ++size) {
    if (size == first_gzip) continue;
    EXPECT_THAT(ReadWhole(Put("a.gz", gzip.substr(0, size))), HasSubstr("truncated")) << size;
  }
  const std::string zstd = Zstd("hello, world\n") + Zstd("again\n");
  const size_t first_zstd = Zstd("hello, world\n").size();
  for (size_t size = 0; size < zstd.size(); ++size) {
    if (size == first_zstd) continue;
    EXPECT_THAT(ReadWhole(Put("a.zst", zstd.substr(0, size))), HasSubstr("truncated")) << size;
  }
}

TEST_F(FileTest, CorruptDataIsAnError) {
  std::string gzip = Gzip(LongText());
  gzip[gzip.size() / 2] = static_cast<char>(gzip[gzip.size() / 2] ^ 0x55);
  EXPECT_THAT(ReadWhole(Put("a.gz", gzip)), HasSubstr("ERROR"));
  std::string zstd = Zstd(LongText());
  zstd[10] = static_cast<char>(zstd[10] ^ 0x55);
  zstd[zstd.size() / 2] = static_cast<char>(zstd[zstd.size() / 2] ^ 0x55);
  EXPECT_THAT(ReadWhole(Put("a.zst", zstd)), HasSubstr("ERROR"));
  EXPECT_THAT(ReadWhole(Put("b.gz", "plain text\n")), HasSubstr("corrupt"));
  EXPECT_THAT(ReadWhole(Put("b.zst", "plain text\n")), HasSubstr("corrupt"));
  EXPECT_THAT(ReadWhole(Put("c.gz", Gzip("x\n") + "trailing")), HasSubstr("corrupt"));
}

TEST_F(FileTest, WhatCannotBeOpenedIsAnError) {
  EXPECT_THAT(ReadWhole(Path("absent.csv")), HasSubstr("No such file"));
  EXPECT_THAT(ReadWhole(folder_), HasSubstr("cannot read"));
}

TEST_F(FileTest, ReadsStandardInput) {
  const std::string path = Put("in.gz", Gzip("from a pipe\n"));
  const int saved = dup(STDIN_FILENO);
  const int file = open(path.c_str(), O_RDONLY);
  ASSERT_GE(dup2(file, STDIN_FILENO), 0);
  close(file);
  std::string text(100, '\0');
  {
    auto source = OpenFile("-");
    ASSERT_TRUE(source.ok());
    text.resize((*source)->Read(text.data(), text.size()).value());
  }
  dup2(saved, STDIN_FILENO);
  close(saved);
  EXPECT_EQ(text, "from a pipe\n");
}

TEST_F(FileTest, SinkWritesAndCountsWhatIsAppended) {
  auto sink = FileSink::Open(Put("out.csv", "old content"));
  ASSERT_TRUE(sink.ok());
  EXPECT_EQ((*sink)->length(), 0u);
  ASSERT_TRUE((*sink)->Append("one\n").ok());
  EXPECT_EQ((*sink)->length(), 4u);
  EXPECT_EQ(Get(Path("out.csv")), "") << "still in the buffer";
  ASSERT_TRUE((*sink)->Flush().ok());
  EXPECT_EQ(Get(Path("out.csv")), "one\n");
  const std::string big(1'000'000, 'x');
  ASSERT_TRUE((*sink)->Append("two\n").ok());
  ASSERT_TRUE((*sink)->Append(big).ok());
  ASSERT_TRUE((*sink)->Sync().ok());
  EXPECT_EQ((*sink)->length(), 8u + big.size());
  ASSERT_TRUE((*sink)->Close().ok());
  ASSERT_TRUE((*sink)->Close().ok()) << "closing twice is harmless";
  EXPECT_EQ(Get(Path("out.csv")), "one\ntwo\n" + big);
  EXPECT_FALSE((*sink)->Append("more").ok());
}

TEST_F(FileTest, SinkKeepsAGivenLengthAndDropsTheRest) {
  const std::string path = Put("out.csv", "kept\nlost\n");
  {
    auto sink = FileSink::Open(path, 5);
    ASSERT_TRUE(sink.ok());
    EXPECT_EQ((*sink)->length(), 5u);
    ASSERT_TRUE((*sink)->Append("again\n").ok());
    EXPECT_EQ((*sink)->length(), 11u);
  }
  EXPECT_EQ(Get(path), "kept\nagain\n") << "the destructor writes the buffer";
  ASSERT_TRUE(FileSink::Open(path, 11).ok());
  EXPECT_EQ(Get(path), "kept\nagain\n");
  auto fresh = FileSink::Open(Path("new.csv"), 0);
  ASSERT_TRUE(fresh.ok());
}

TEST_F(FileTest, SinkRefusesAFileShorterThanItsLength) {
  const auto sink = FileSink::Open(Put("out.csv", "short"), 6);
  ASSERT_FALSE(sink.ok());
  EXPECT_EQ(sink.status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(Get(Path("out.csv")), "short") << "and leaves it alone";
}

TEST_F(FileTest, SinkRefusesWhatItCannotWrite) {
  EXPECT_EQ(FileSink::Open(Path("a.csv.gz")).status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(FileSink::Open(Path("a.csv.zst")).status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(FileSink::Open("-", 5).status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(FileSink::Open(Path("absent/a.csv")).status().code(), StatusCode::kIo);
  EXPECT_EQ(FileSink::Open(folder_).status().code(), StatusCode::kIo);
}

TEST_F(FileTest, AFullDiskIsAnErrorThatSticks) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this machine";
  auto sink = FileSink::Open("/dev/full");
  ASSERT_TRUE(sink.ok()) << sink.status().message();
  ASSERT_TRUE((*sink)->Append("lost\n").ok());
  const Status flushed = (*sink)->Flush();
  EXPECT_EQ(flushed.code(), StatusCode::kIo);
  EXPECT_THAT(std::string(flushed.message()), HasSubstr("No space left"));
  EXPECT_FALSE((*sink)->Append("more").ok());
  EXPECT_FALSE((*sink)->Close().ok());
}

TEST_F(FileTest, ASyncedSinkIsThereAfterAPowerCut) {
  PowerFiles disk;
  ASSERT_TRUE(disk.MakeFolders("out").ok());
  const auto sink = FileSink::Open("out/a.csv", std::nullopt, disk);
  ASSERT_TRUE(sink.ok());
  ASSERT_TRUE((*sink)->Append("one\n").ok());
  ASSERT_TRUE((*sink)->Sync().ok());
  ASSERT_TRUE((*sink)->Append("two\n").ok());
  ASSERT_TRUE((*sink)->Flush().ok());
  EXPECT_EQ(*disk.Read("out/a.csv"), "one\ntwo\n");
  disk.LosePower({.torn = false});
  EXPECT_EQ(*disk.Read("out/a.csv"), "one\n") << "with its name, without what was not synced";
  EXPECT_FALSE((*sink)->Sync().ok());
  const auto again = FileSink::Open("out/a.csv", 4, disk);
  ASSERT_TRUE(again.ok()) << again.status().message();
  ASSERT_TRUE((*again)->Append("2\n").ok());
  ASSERT_TRUE((*again)->Close().ok());
  EXPECT_EQ(*disk.Read("out/a.csv"), "one\n2\n");
}

TEST_F(FileTest, WhateverFailsASinkSaysSoAndWritesNoMore) {
  for (const FileOp op : {FileOp::kAppend, FileOp::kSync, FileOp::kSyncFolder}) {
    PowerFiles disk;
    FaultPlan plan;
    plan.Add({.op = op, .error = ENOSPC, .written = 2});
    FaultyFiles files(disk, plan);
    const auto sink = FileSink::Open("a.csv", std::nullopt, files);
    ASSERT_TRUE(sink.ok());
    ASSERT_TRUE((*sink)->Append("one\n").ok());
    const Status failed = (*sink)->Sync();
    EXPECT_THAT(std::string(failed.message()), HasSubstr("No space left"));
    const std::string left = *disk.Read("a.csv");
    EXPECT_EQ((*sink)->Append("two\n").message(), failed.message());
    EXPECT_EQ((*sink)->Sync().message(), failed.message());
    EXPECT_EQ((*sink)->Close().message(), failed.message());
    EXPECT_EQ(*disk.Read("a.csv"), left);
  }
}

}  // namespace
}  // namespace leat
