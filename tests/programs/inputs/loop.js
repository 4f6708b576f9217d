// SPDX-License-Identifier: Apache-2.0
// A function that is compiled, objects that change their shape, typed arrays, garbage.
const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);

function shapes(n) {
    let sum = 0;
    for (let i = 0; i < n; i++) {
        const o = i % 3 ? {a: i, b: 'x' + i} : {b: i, a: i / 2};
        o['k' + i % 5] = i;
        sum += o.a + String(o.b).length;
    }
    return sum;
}

function sieve(n) {
    const composite = new Uint8Array(n);
    let primes = 0;
    for (let i = 2; i < n; i++) {
        if (composite[i])
            continue;
        primes++;
        for (let j = i * i; j < n; j += i)
            composite[j] = 1;
    }
    return primes;
}

console.log('hello', fib(22), shapes(60000), sieve(300000), (2n ** 521n - 1n) % 1000000007n, Math.hypot(3, 4.5) ** 0.3);
