# One image for every process of ours: the command says which. docker-compose.yaml names them.
FROM node:22.22.2-bookworm-slim AS build
WORKDIR /app
# Packages first: they change less often than the code. No package needs its install script. The stamp is the
# one that launch/run.mjs leaves, which therefore does not install again.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund \
  && sha256sum package-lock.json | cut -c1-64 | tr -d '\n' > node_modules/.install-stamp
COPY . .
# Generates the Prisma client too, with a stand-in for the schema engine that it would download and never
# use. The client names Prisma's command line and the compiler as optional peers: nothing runs them here.
RUN node launch/run.mjs build \
  && npm prune --omit=dev --omit=optional --omit=peer --ignore-scripts --no-audit --no-fund

FROM node:22.22.2-bookworm-slim
WORKDIR /app
# The PSP simulator's journal; a new volume takes over the owner.
RUN mkdir /data && chown node:node /data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
# launch/services.ts starts the processes with the same flags; a test compares them.
ENTRYPOINT ["node", "--max-old-space-size=128", "--max-semi-space-size=8"]
CMD ["dist/payment-api/server.main.js"]
