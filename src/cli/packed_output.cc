#include "cli/packed_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/iostreams/device/file_descriptor.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <cerrno>
#include <cstring>

#include "record/log_name.h"

namespace leat {

namespace io = boost::iostreams;

struct PackedOutput::Impl {
  std::string path;
  int descriptor = -1;
  io::filtering_ostream stream;

  Status Fail(int error) const {
    return Status::Io((path == "-" ? "standard output" : path) + ": cannot be written" +
                      (error != 0 ? std::string(": ") + std::strerror(error) : std::string()));
  }
};

PackedOutput::PackedOutput(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PackedOutput::~PackedOutput() {
  try {
    impl_->stream.reset();
  } catch (const std::exception&) {  // Close reports; a destructor cannot.
  }
}

Result<std::unique_ptr<PackedOutput>> PackedOutput::Create(const std::string& path) {
  constexpr std::streamsize kBuffer = 1 << 16;
  LEAT_RETURN_IF_ERROR(CheckCompression(path));
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  const bool standard = path == "-";
  impl->descriptor = standard
                         ? STDOUT_FILENO
                         : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (impl->descriptor < 0) return impl->Fail(errno);
  if (path.ends_with(".zst")) impl->stream.push(io::zstd_compressor(), kBuffer);
  if (path.ends_with(".gz")) impl->stream.push(io::gzip_compressor(), kBuffer);
  impl->stream.push(io::file_descriptor_sink(impl->descriptor,
                                             standard ? io::never_close_handle : io::close_handle),
                    kBuffer);
  return std::unique_ptr<PackedOutput>(new PackedOutput(std::move(impl)));
}

Status PackedOutput::Append(std::string_view bytes) {
  errno = 0;
  try {
    impl_->stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  } catch (const std::exception&) {
    return impl_->Fail(errno);
  }
  return impl_->stream.good() ? Status::Ok() : impl_->Fail(errno);
}

Status PackedOutput::Close() {
  errno = 0;
  try {
    impl_->stream.flush();
    if (!impl_->stream.good()) return impl_->Fail(errno);
    impl_->stream.reset();
  } catch (const std::exception&) {
    return impl_->Fail(errno);
  }
  return Status::Ok();
}

}  // namespace leat
