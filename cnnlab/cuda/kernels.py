"""Triton kernels: each value is read and written once, float32 inside.

Activations lie channels last, so memory is (pixel, channel); ``x`` of a kernel's
arguments is a pointer to its first value. With TRITON_INTERPRET=1 they run on a
processor, where the tests compare them with PyTorch.
"""

import triton
import triton.language as tl

# Philox4x32 with seven rounds, as in ``augment.randoms``
FACTOR_0, FACTOR_1 = tl.constexpr(0xD2511F53), tl.constexpr(0xCD9E8D57)
STEP_0, STEP_1 = tl.constexpr(0x9E3779B9), tl.constexpr(0xBB67AE85)
ROUNDS = tl.constexpr(7)
TURN = tl.constexpr(2 * 3.141592653589793 * 2.0**-32)  # a word as an angle


# --------------------------------------------------------------------- normalisation


@triton.jit
def _dot(a, b, PARTS: tl.constexpr, SPLIT_A: tl.constexpr):
    """Return the matrix product of float32 values with a matrix of zeros and ones.

    The values are split into bfloat16 parts, which matrix units multiply by 0 or 1 and
    add up in float32: two parts keep 16 of their 24 digits, three keep all. PARTS 0:
    float32 products, for the interpreter, which knows no bfloat16 ones.
    """
    if PARTS == 0:
        total = tl.dot(a.to(tl.float32), b.to(tl.float32), input_precision="ieee")
    else:
        total = tl.zeros((a.shape[0], b.shape[1]), tl.float32)
        for _ in tl.static_range(PARTS):
            if SPLIT_A:
                part = a.to(tl.bfloat16)
                total += tl.dot(part, b.to(tl.bfloat16))
                a -= part.to(tl.float32)
            else:
                part = b.to(tl.bfloat16)
                total += tl.dot(a.to(tl.bfloat16), part)
                b -= part.to(tl.float32)
    return total


@triton.jit
def _near(SIZE: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr):
    """Return ones where row j lies in the window c - LEFT ... c + RIGHT of column c."""
    i = tl.arange(0, SIZE)
    away = i[:, None] - i[None, :]
    return ((away >= -LEFT) & (away <= RIGHT)).to(tl.float32)


@triton.jit
def _power(scale, BETA: tl.constexpr):
    """Return ``scale ** -BETA``."""
    if BETA == 0.75:
        root = tl.rsqrt(scale)
        return root * tl.sqrt(root)
    else:
        return tl.exp(-BETA * tl.log(scale))


@triton.jit
def _tile(pixels, CHANNELS: tl.constexpr, TOWER: tl.constexpr, ROWS: tl.constexpr,
          WIDE: tl.constexpr, HALO: tl.constexpr, BLOCKS: tl.constexpr):  # fmt: skip
    """Return places, channels of all values, and which are there and which to store.

    A program works on ROWS pixels and WIDE maps of one tower; where a tower has more,
    neighbouring blocks overlap by HALO on either side.
    """
    pixel = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    tower = tl.program_id(1) // BLOCKS
    start = tl.program_id(1) % BLOCKS * (WIDE - 2 * HALO)
    map_ = start - HALO + tl.arange(0, WIDE)
    channel = tower * TOWER + map_
    there = (map_ >= 0) & (map_ < TOWER)
    own = there & (map_ >= start) & (map_ < start + WIDE - 2 * HALO)
    rows = (pixel < pixels)[:, None]
    places = pixel[:, None] * CHANNELS + channel[None, :]
    return places, channel, there, rows & there[None, :], rows & own[None, :]


@triton.jit(do_not_specialize=["pixels"])  # any number of images
def lrn_forward(x, bias, y, pixels, a, k, BETA: tl.constexpr, LEFT: tl.constexpr,
                RIGHT: tl.constexpr, BIAS: tl.constexpr, RELU: tl.constexpr,
                CHANNELS: tl.constexpr, TOWER: tl.constexpr, ROWS: tl.constexpr,
                WIDE: tl.constexpr, HALO: tl.constexpr, BLOCKS: tl.constexpr,
                PARTS: tl.constexpr):  # fmt: skip
    """y = v (k + a sum of v_j^2 over the window)^-BETA, v = relu(x + bias) or x."""
    places, channel, there, load, store = _tile(
        pixels, CHANNELS, TOWER, ROWS, WIDE, HALO, BLOCKS
    )
    v = _input(x, bias, places, channel, there, load, BIAS, RELU)
    scale = k + a * _dot(v * v, _near(WIDE, LEFT, RIGHT), PARTS, True)
    tl.store(y + places, (v * _power(scale, BETA)).to(y.dtype.element_ty), store)


@triton.jit
def _input(x, bias, places, channel, there, load, BIAS: tl.constexpr,
           RELU: tl.constexpr):  # fmt: skip
    v = tl.load(x + places, load, other=0.0).to(tl.float32)
    if BIAS:
        shift = tl.load(bias + channel, there, other=0.0).to(tl.float32)
        # rounded as a convolution's output is
        v = (v + shift[None, :]).to(x.dtype.element_ty).to(tl.float32)
    if RELU:
        v = tl.where(v < 0, 0.0, v)
    return v


@triton.jit(do_not_specialize=["pixels"])  # any number of images
def lrn_backward(x, bias, g, out, pixels, a, k, BETA: tl.constexpr, LEFT: tl.constexpr,
                 RIGHT: tl.constexpr, BIAS: tl.constexpr, RELU: tl.constexpr,
                 CHANNELS: tl.constexpr, TOWER: tl.constexpr, ROWS: tl.constexpr,
                 WIDE: tl.constexpr, HALO: tl.constexpr, BLOCKS: tl.constexpr,
                 PARTS: tl.constexpr):  # fmt: skip
    """The slope of ``lrn_forward`` with respect to x; see ``layers._Normalise``."""
    places, channel, there, load, store = _tile(
        pixels, CHANNELS, TOWER, ROWS, WIDE, HALO, BLOCKS
    )
    v = _input(x, bias, places, channel, there, load, BIAS, RELU)
    scale = k + a * _dot(v * v, _near(WIDE, LEFT, RIGHT), PARTS, True)
    direct = tl.load(g + places, load, other=0.0).to(tl.float32) * _power(scale, BETA)
    # The windows that hold map j: mirrored, where the size is even.
    across = _dot(direct * v / scale, _near(WIDE, RIGHT, LEFT), PARTS, True)
    slope = direct - 2 * a * BETA * v * across
    if RELU:
        slope = tl.where(v > 0, slope, 0.0)
    tl.store(out + places, slope.to(out.dtype.element_ty), store)


@triton.jit
def _inside(place, SIZE: tl.constexpr, like):
    """Return whether 0 <= place < SIZE, in the shape of ``like``."""
    place += 0 * like  # masks of several shapes are one thing the interpreter lacks
    return (place >= 0) & (place < SIZE)


@triton.jit
def _line(HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr,
          ROW: tl.constexpr, WIDE: tl.constexpr):  # fmt: skip
    """Return image, row, columns and channels of a program: one row of some maps."""
    image, y = tl.program_id(0) // HEIGHT, tl.program_id(0) % HEIGHT
    column = tl.arange(0, ROW)
    channel = tl.program_id(1) * WIDE + tl.arange(0, WIDE)
    there = (column < WIDTH)[:, None] & (channel < CHANNELS)[None, :]
    row = column[:, None] * CHANNELS + channel[None, :]
    return image * HEIGHT, y, row, there


@triton.jit
def within_forward(x, y, scales, a, BETA: tl.constexpr, SIDE: tl.constexpr,
                   HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr,
                   ROW: tl.constexpr, WIDE: tl.constexpr,
                   PARTS: tl.constexpr):  # fmt: skip
    """y = x (1 + a sum of x^2 in the SIDE x SIDE square)^-BETA; keeps the scale."""
    first, at, row, there = _line(HEIGHT, WIDTH, CHANNELS, ROW, WIDE)
    near = _near(ROW, SIDE // 2, SIDE // 2)
    total = tl.zeros((ROW, WIDE), tl.float32)
    for shift in tl.static_range(SIDE):
        other = at + shift - SIDE // 2
        inside = there & _inside(other, HEIGHT, row)
        v = tl.load(x + (first + other) * WIDTH * CHANNELS + row, inside, other=0.0)
        v = v.to(tl.float32)
        total += v * v
    scale = 1.0 + a * _dot(near, total, PARTS, False)
    places = (first + at) * WIDTH * CHANNELS + row
    v = tl.load(x + places, there, other=0.0).to(tl.float32)
    tl.store(scales + places, scale, there)
    tl.store(y + places, (v * _power(scale, BETA)).to(y.dtype.element_ty), there)


@triton.jit
def within_backward(x, g, scales, out, a, BETA: tl.constexpr, SIDE: tl.constexpr,
                    HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr,
                    ROW: tl.constexpr, WIDE: tl.constexpr,
                    PARTS: tl.constexpr):  # fmt: skip
    """The slope of ``within_forward`` with respect to x."""
    first, at, row, there = _line(HEIGHT, WIDTH, CHANNELS, ROW, WIDE)
    near = _near(ROW, SIDE // 2, SIDE // 2)
    total = tl.zeros((ROW, WIDE), tl.float32)
    for shift in tl.static_range(SIDE):
        other = at + shift - SIDE // 2
        inside = there & _inside(other, HEIGHT, row)
        places = (first + other) * WIDTH * CHANNELS + row
        v = tl.load(x + places, inside, other=0.0).to(tl.float32)
        slope = tl.load(g + places, inside, other=0.0).to(tl.float32)
        scale = tl.load(scales + places, inside, other=1.0)
        total += slope * v * _power(scale, BETA) / scale
    across = _dot(near, total, PARTS, False)
    places = (first + at) * WIDTH * CHANNELS + row
    v = tl.load(x + places, there, other=0.0).to(tl.float32)
    slope = tl.load(g + places, there, other=0.0).to(tl.float32)
    scale = tl.load(scales + places, there, other=1.0)
    slope = slope * _power(scale, BETA) - 2 * a * BETA * v * across
    tl.store(out + places, slope.to(out.dtype.element_ty), there)


# --------------------------------------------------------------------------- pooling


@triton.jit
def pool_forward(x, bias, y, which, count, BIAS: tl.constexpr, RELU: tl.constexpr,
                 SIDE: tl.constexpr, STRIDE: tl.constexpr, PADDING: tl.constexpr,
                 HEIGHT: tl.constexpr, WIDTH: tl.constexpr, HIGH: tl.constexpr,
                 WIDE: tl.constexpr, CHANNELS: tl.constexpr,
                 BLOCK: tl.constexpr):  # fmt: skip
    """y = the greatest of each window (+ bias, ReLU); which: its place, 255 for none.

    HEIGHT x WIDTH values of a map come in, HIGH x WIDE go out. A maximum and a rising
    function change places, rounding too, so bias and ReLU come after it.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = place < count
    channel, pixel = place % CHANNELS, place // CHANNELS
    left = pixel % WIDE * STRIDE - PADDING
    top = pixel // WIDE % HIGH * STRIDE - PADDING
    first = pixel // (WIDE * HIGH) * HEIGHT
    best = tl.full((BLOCK,), float("-inf"), tl.float32)
    where = tl.zeros((BLOCK,), tl.int32)
    for step in tl.static_range(SIDE * SIDE):
        row, column = top + step // SIDE, left + step % SIDE
        inside = there & (row >= 0) & (row < HEIGHT) & (column >= 0) & (column < WIDTH)
        source = ((first + row) * WIDTH + column) * CHANNELS + channel
        v = tl.load(x + source, inside, other=float("-inf")).to(tl.float32)
        wins = (v > best) | (v != v)  # NaN is passed on
        best, where = tl.where(wins, v, best), tl.where(wins, step, where)
    if BIAS:
        shift = tl.load(bias + channel, there, other=0.0).to(tl.float32)
        best = (best + shift).to(y.dtype.element_ty).to(tl.float32)
    if RELU:
        where = tl.where(best > 0, where, 255)
        best = tl.where(best < 0, 0.0, best)
    tl.store(y + place, best.to(y.dtype.element_ty), there)
    tl.store(which + place, where.to(tl.uint8), there)


@triton.jit
def pool_backward(g, which, out, count, SIDE: tl.constexpr, STRIDE: tl.constexpr,
                  PADDING: tl.constexpr, REACH: tl.constexpr, HEIGHT: tl.constexpr,
                  WIDTH: tl.constexpr, HIGH: tl.constexpr, WIDE: tl.constexpr,
                  CHANNELS: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """Sum for every value what the (at most REACH x REACH) windows that hold it send.

    Nothing is scattered: each value looks for the windows in which it is the greatest.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = place < count
    channel, pixel = place % CHANNELS, place // CHANNELS
    column, row = pixel % WIDTH + PADDING, pixel // WIDTH % HEIGHT + PADDING
    first = pixel // (WIDTH * HEIGHT) * HIGH
    total = tl.zeros((BLOCK,), tl.float32)
    for up in tl.static_range(REACH):
        for left in tl.static_range(REACH):
            y, x = row // STRIDE - up, column // STRIDE - left
            dy, dx = row - y * STRIDE, column - x * STRIDE
            inside = there & (y >= 0) & (y < HIGH) & (dy < SIDE)
            inside &= (x >= 0) & (x < WIDE) & (dx < SIDE)
            window = ((first + y) * WIDE + x) * CHANNELS + channel
            where = tl.load(which + window, inside, other=255).to(tl.int32)
            wins = inside & (where == dy * SIDE + dx)
            total += tl.load(g + window, wins, other=0.0).to(tl.float32)
    tl.store(out + place, total.to(out.dtype.element_ty), there)


# ---------------------------------------------------------------------------- update


@triton.jit(do_not_specialize=["row"])
def momentum(w, v, g, copy, rates, row, n, MOMENTUM: tl.constexpr, DECAY: tl.constexpr,
             COPY: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """v <- MOMENTUM v - rate (g + DECAY w); w <- w + v; copy <- w in its own type."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = place < n
    rate = tl.load(rates + row)
    weight = tl.load(w + place, there, other=0.0)
    slope = tl.load(g + place, there, other=0.0).to(tl.float32)
    speed = tl.load(v + place, there, other=0.0)
    speed = MOMENTUM * speed - rate * (slope + DECAY * weight)
    weight += speed
    tl.store(v + place, speed, there)
    tl.store(w + place, weight, there)
    if COPY:
        tl.store(copy + place, weight.to(copy.dtype.element_ty), there)


# -------------------------------------------------------------------------- batches


@triton.jit
def _words(block, index, epoch, key_0, key_1):
    """Return the four words of Philox4x32 for a counter (block, index, 0, epoch)."""
    high = (index >> 32).to(tl.uint32)
    a, b, c, d = block.to(tl.uint32), index.to(tl.uint32), high, epoch.to(tl.uint32)
    key_0, key_1 = key_0.to(tl.uint32), key_1.to(tl.uint32)
    for _ in tl.static_range(ROUNDS):
        low_a, low_c = a * FACTOR_0, c * FACTOR_1
        high_a, high_c = tl.umulhi(a, FACTOR_0), tl.umulhi(c, FACTOR_1)
        a, b, c, d = high_c ^ b ^ key_0, low_c, high_a ^ d ^ key_1, low_a
        key_0, key_1 = key_0 + STEP_0, key_1 + STEP_1
    return a, b, c, d


@triton.jit
def _below(word, COUNT: tl.constexpr):
    """Return a whole number in [0, COUNT), as ``randoms.below``."""
    return tl.umulhi(word, tl.full((), COUNT, tl.uint32)).to(tl.int32)


@triton.jit
def _share(word):
    """Return a word as float64 in [0, 1)."""
    return word.to(tl.float64) * 2.3283064365386963e-10  # 2^-32


@triton.jit
def _box_of(area_word, ratio_word, box, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
            AREA_LOW: tl.constexpr, AREA_HIGH: tl.constexpr, LOG_LOW: tl.constexpr,
            LOG_HIGH: tl.constexpr):  # fmt: skip
    """Return (found, high, wide): ``box`` if it has been found, else this try."""
    found, high, wide = box
    u = _share(area_word)
    area = HEIGHT * WIDTH * (AREA_LOW + (AREA_HIGH - AREA_LOW) * u)
    ratio = tl.exp(LOG_LOW + (LOG_HIGH - LOG_LOW) * _share(ratio_word))
    across = tl.floor(tl.sqrt(area * ratio) + 0.5).to(tl.int32)
    down = tl.floor(tl.sqrt(area / ratio) + 0.5).to(tl.int32)
    fits = (across >= 1) & (across <= WIDTH) & (down >= 1) & (down <= HEIGHT)
    take = fits & (found == 0)
    high, wide = tl.where(take, down, high), tl.where(take, across, wide)
    return tl.where(fits, 1, found), high, wide


@triton.jit
def _sides(first, steps, length, SIZE: tl.constexpr, CROP: tl.constexpr):
    """Return two neighbouring places and the second's weight, for resized samples."""
    place = tl.maximum((steps + 0.5) * length.to(tl.float32) / CROP - 0.5, 0.0)
    place = tl.minimum(place, length.to(tl.float32) - 1) + first.to(tl.float32)
    low = tl.floor(place)
    near = low.to(tl.int32)
    return near, tl.minimum(near + 1, SIZE - 1), place - low


@triton.jit
def _less_mean(images, mean, base, y, x, channel, there, row, column, plane, mean_row,
               mean_column, mean_plane, MEAN: tl.constexpr):  # fmt: skip
    source = base + y * row + x * column + channel * plane
    v = tl.load(images + source, there, other=0).to(tl.float32)
    if MEAN:
        source = y * mean_row + x * mean_column + channel * mean_plane
        v -= tl.load(mean + source, there, other=0.0)
    return v


@triton.jit
def batch(images, indices, numbers, mean, scale, sds, vectors, out, image_step, plane,
          row, column, mean_plane, mean_row, mean_column, SEEN: tl.constexpr,
          HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr,
          CROP: tl.constexpr, FLIP: tl.constexpr, PADDING: tl.constexpr,
          MEAN: tl.constexpr, SCALE: tl.constexpr, COLOUR: tl.constexpr,
          STD: tl.constexpr, CHUNK: tl.constexpr, RESIZED: tl.constexpr,
          AREA_LOW: tl.constexpr, AREA_HIGH: tl.constexpr, LOG_LOW: tl.constexpr,
          LOG_HIGH: tl.constexpr, REST_HIGH: tl.constexpr, REST_WIDE: tl.constexpr,
          ERASE: tl.constexpr, FOLD: tl.constexpr, BORDER: tl.constexpr,
          ROW: tl.constexpr):  # fmt: skip
    """One row of one image, as ``augment.for_training`` makes it; draws alike.

    numbers: epoch, low and high half of the seed. Written to (N, SEEN / FOLD,
    SEEN / FOLD, FOLD FOLD CHANNELS), pixels of a FOLD x FOLD square side by side,
    BORDER pixels from the top and the left.
    """
    image, y = tl.program_id(0) // CROP, tl.program_id(0) % CROP
    epoch, key_0 = tl.load(numbers), tl.load(numbers + 1)
    key_1 = tl.load(numbers + 2)
    own = tl.load(indices + image)
    shared = tl.load(indices + image // CHUNK * CHUNK)
    zero = tl.full((), 0, tl.int64)
    first, second, third, _ = _words(zero, shared, epoch, key_0, key_1)
    mirrored = tl.full((), 0, tl.int32)
    if FLIP:
        mirrored = (third >> 31).to(tl.int32)
    j = tl.arange(0, ROW)
    x, channel = j // CHANNELS, j % CHANNELS
    there = x < CROP
    step = tl.where(mirrored != 0, CROP - 1 - x, x)
    base = image.to(tl.int64) * image_step
    if RESIZED:
        box = (tl.full((), 0, tl.int32), tl.full((), REST_HIGH, tl.int32),
               tl.full((), REST_WIDE, tl.int32))  # fmt: skip
        for block in tl.static_range(4, 14, 2):
            a, b, c, d = _words(zero + block, shared, epoch, key_0, key_1)
            box = _box_of(a, b, box, HEIGHT, WIDTH, AREA_LOW, AREA_HIGH, LOG_LOW,
                          LOG_HIGH)  # fmt: skip
            box = _box_of(c, d, box, HEIGHT, WIDTH, AREA_LOW, AREA_HIGH, LOG_LOW,
                          LOG_HIGH)  # fmt: skip
        found, high, wide = box
        top = tl.umulhi(first, (HEIGHT - high + 1).to(tl.uint32)).to(tl.int32)
        left = tl.umulhi(second, (WIDTH - wide + 1).to(tl.uint32)).to(tl.int32)
        top = tl.where(found != 0, top, (HEIGHT - REST_HIGH) // 2)
        left = tl.where(found != 0, left, (WIDTH - REST_WIDE) // 2)
        y0, y1, down = _sides(top, y.to(tl.float32), high, HEIGHT, CROP)
        x0, x1, across = _sides(left, step.to(tl.float32), wide, WIDTH, CROP)
        v00 = _less_mean(images, mean, base, y0, x0, channel, there, row, column, plane,
                         mean_row, mean_column, mean_plane, MEAN)  # fmt: skip
        v01 = _less_mean(images, mean, base, y0, x1, channel, there, row, column, plane,
                         mean_row, mean_column, mean_plane, MEAN)  # fmt: skip
        v10 = _less_mean(images, mean, base, y1, x0, channel, there, row, column, plane,
                         mean_row, mean_column, mean_plane, MEAN)  # fmt: skip
        v11 = _less_mean(images, mean, base, y1, x1, channel, there, row, column, plane,
                         mean_row, mean_column, mean_plane, MEAN)  # fmt: skip
        upper = v00 * (1 - across) + v01 * across
        lower = v10 * (1 - across) + v11 * across
        v = upper * (1 - down) + lower * down
    else:
        top = _below(first, HEIGHT + 2 * PADDING - CROP + 1) - PADDING
        left = _below(second, WIDTH + 2 * PADDING - CROP + 1) - PADDING
        at_row, at_column = top + y, left + step
        inside = there & _inside(at_row, HEIGHT, j) & _inside(at_column, WIDTH, j)
        v = _less_mean(images, mean, base, at_row, at_column, channel, inside, row,
                       column, plane, mean_row, mean_column, mean_plane,
                       MEAN)  # fmt: skip
    if SCALE:
        v *= tl.load(scale + channel)
    if COLOUR:
        a, b, c, d = _words(zero + 1, own, epoch, key_0, key_1)
        scaled = (a.to(tl.float64) + 0.5) * 2.3283064365386963e-10
        radius = tl.sqrt(-2.0 * tl.log(scaled))
        angle = b.to(tl.float64) * TURN
        scaled = (c.to(tl.float64) + 0.5) * 2.3283064365386963e-10
        other = tl.sqrt(-2.0 * tl.log(scaled)) * tl.cos(d.to(tl.float64) * TURN)
        alpha_0, alpha_1 = radius * tl.cos(angle) * STD, radius * tl.sin(angle) * STD
        shift = alpha_0 * tl.load(sds) * tl.load(vectors + 3 * channel)
        shift += alpha_1 * tl.load(sds + 1) * tl.load(vectors + 3 * channel + 1)
        shift += other * STD * tl.load(sds + 2) * tl.load(vectors + 3 * channel + 2)
        change = shift.to(tl.float32)
        if SCALE:
            change *= tl.load(scale + channel)
        v += change
    if ERASE:
        a, b, c, d = _words(zero + 2, own, epoch, key_0, key_1)
        down_ = y - (_below(a, CROP) - ERASE // 2)
        right = x - (_below(b, CROP) - ERASE // 2)
        gone = _inside(down_, ERASE, j) & _inside(right, ERASE, j)
        v = tl.where(gone, 0.0, v)
    at_y, at_x = y + BORDER, x + BORDER
    LINE: tl.constexpr = SEEN // FOLD
    square = (image.to(tl.int64) * LINE + at_y // FOLD) * LINE + at_x // FOLD
    inner = (at_y % FOLD * FOLD + at_x % FOLD) * CHANNELS + channel
    target = square * (FOLD * FOLD * CHANNELS) + inner
    there = there & _inside(at_y, SEEN, j) & (at_x < SEEN)
    tl.store(out + target, v.to(out.dtype.element_ty), there)
