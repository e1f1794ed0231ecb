/// A queue in large blocks: its end moves on without the allocator, mostly, and growing copies no
/// item. A block is 32 KiB or less, a power of two of items, which are found without a division.
#pragma once

#include <bit>
#include <boost/container/deque.hpp>
#include <cstddef>

namespace leat {

template <typename T>
using BlockDeque =
    boost::container::deque<T, void,
                            typename boost::container::deque_options<boost::container::block_size<
                                std::bit_floor(size_t{32768} / sizeof(T))>>::type>;

}  // namespace leat
