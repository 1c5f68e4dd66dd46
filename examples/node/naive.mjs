// The backend of a hurried tutorial. It works, and everything that it leaves out is a mistake: compare server.mjs, and see
// phonechecksim contract --profile guide --url http://127.0.0.1:3000 -- node naive.mjs
import express from 'express'

const api = process.env.API_BASE_URL ?? 'https://eu.api.idlayr.com'
const credentials = Buffer.from(`${process.env.TRU_ID_CLIENT_ID}:${process.env.TRU_ID_CLIENT_SECRET}`).toString('base64')

const login = await fetch(`${api}/oauth2/v1/token`, {
  method: 'POST',
  headers: { Authorization: `Basic ${credentials}` },
  body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'phone_check' }),
})
const { access_token } = await login.json() // never a new one

const headers = { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/json' }
const app = express()
app.use(express.json())

app.post('/phone-check', async (req, res) => {
  const created = await fetch(`${api}/phone_check/v0.1/checks`, { // no timeout
    method: 'POST', headers, body: JSON.stringify(req.body), // the number as typed, and whatever else the client sends
  })
  const check = await created.json()
  res.json({ ...check, check_url: check._links.check_url.href }) // no session
})

app.get('/phone-check', async (req, res) => { // for whoever asks
  const read = await fetch(`${api}/phone_check/v0.1/checks/${req.query.check_id}`, { headers })
  res.json(await read.json())
})

const server = app.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1', () => console.log(`listening on ${server.address().port}`))
